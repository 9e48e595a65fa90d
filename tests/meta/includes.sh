#!/bin/sh
# Includes point one way (src/CMakeLists.txt): a layer sees itself and those before it. Users of the library see deepface.h alone.
set -eu
cd "$1"
bad=0
seen=
for layer in core image nn models detect align normalize represent verify analyze index store gallery api; do
  case $layer in
    image|nn|store) may="core $layer" ;;
    normalize) may="core image normalize" ;;
    verify) may="core models verify" ;;
    *) may="$seen $layer" ;;
  esac
  for file in src/$layer/*.[ch]; do
    for other in $(sed -n 's/^#include "\([a-z_]*\)\/.*/\1/p' "$file" | sort -u); do
      case " $may " in
        *" $other "*) ;;
        *) [ "$layer/$other" = verify/models ] || { echo "$file includes $other/"; bad=1; } ;;
      esac
    done
  done
  seen="$seen $layer"
done
if grep -nE '#include "(core|image|nn|models|detect|align|normalize|represent|verify|analyze|index|store|gallery|api)/' cli/*.[ch]; then
  echo "cli/ may include deepface.h and its own headers only"
  bad=1
fi
exit $bad
