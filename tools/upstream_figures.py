"""src/models/upstream.h: thresholds and confidence curves of every recogniser, read out of deepface for Python itself.

    python tools/upstream_figures.py >src/models/upstream.h     (a Python that has deepface 0.0.103)
"""
from importlib.metadata import version

from deepface.config.confidence import confidences
from deepface.config.threshold import thresholds

METRICS = ["cosine", "euclidean", "euclidean_l2", "angular"]
COLUMNS = ["w", "b", "normalizer", "denorm_max_true", "denorm_min_true", "denorm_max_false", "denorm_min_false"]


def macro(name, rows):
    print(f"#define {name} \\\n    {{" + ", \\\n     ".join(rows) + "}")


print(f"""/* upstream.h - thresholds and confidence curves of deepface {version('deepface')}, config/threshold.py and config/confidence.py. Written by
 * tools/upstream_figures.py. A model without a curve of its own (Buffalo_L) has confidence 51 or 49 there. */
#ifndef DF_MODELS_UPSTREAM_H
#define DF_MODELS_UPSTREAM_H
""")
for model, of in thresholds.items():
    name = model.upper().replace("-", "_")
    macro(f"UPSTREAM_{name}_THRESHOLDS", [", ".join(f"[DF_{m.upper()}] = {of[m]}" for m in METRICS)])
    curves = confidences.get(model)
    macro(f"UPSTREAM_{name}_CONFIDENCE", [f"[DF_{m.upper()}] = {{{', '.join(repr(curves[m][c]) for c in COLUMNS)}}}" for m in METRICS]
          if curves else ["{0}"])
print("\n#endif")
