#!/bin/sh
# Nothing is left open in the code, no registry is named by its host, no file has grown past what one can read in a sitting.
set -eu
cd "$1"
bad=0
files=$(find include src cli server python tests bench tools cmake docs README.md Makefile -type f 2>/dev/null |
  grep -E '\.(c|h|cc|py|sh|cmake|txt|md|tsv)$|Makefile$' | grep -v tests/meta/words.sh)
if grep -nE '(^|[^A-Za-z_])(TODO|FIXME|XXX)([^A-Za-z_]|$)' $files; then echo "left open"; bad=1; fi
if grep -nE 'pypi\.[o]rg|[p]ythonhosted|npmjs\.[o]rg|deb\.[d]ebian\.org|crates\.[i]o/api' $files; then echo "a registry's host is named"; bad=1; fi
long=$(find include src cli tests -name '*.[ch]' -exec wc -l {} + | awk '$2 != "total" && $1 > ($2 == "include/deepface.h" ? 900 : 700) { print $1, $2 }')
if [ -n "$long" ]; then echo "over 700 lines: $long"; bad=1; fi
exit $bad
