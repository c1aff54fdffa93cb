#!/bin/bash
# Dumps of modes.cpp (fibers, coroutines, hand-written frames, callbacks, code made at run time, broken stacks), written and
# walked by Microsoft's dbghelp under Wine, and how our walk agrees with it. Not part of the checks: it needs Wine and a corpus.
#   ./generate.sh OUT [MODE...]      build, run all modes (or those named), walk, score; OUT is a folder of its own
# CORPUS: the folder `windows-x64` of the corpus of dumps, whose generate.sh is used as a library (compiler flags, Wine's prefix,
# dumper, reference walker); AGREE: the scorer agree.py beside it. `bash $CORPUS/generate.sh deps` installs the Debian packages by name.
# BUILDS ("o2 o0"), WORK (scratch, default /tmp/stopcode-modes), RUST_TOOLS (a folder with minidump-stackwalk) as there.
set -u
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd); ROOT=$HERE/../../..
[ $# -ge 1 ] || { sed -n 2,8p "$0"; exit 2; }
CORPUS=${CORPUS:-$ROOT/../shared/corpus/windows-x64}
[ -f "$CORPUS/generate.sh" ] || { echo "no corpus at $CORPUS: name its folder windows-x64 with CORPUS=" >&2; exit 2; }
for tool in clang++-16 wine python3; do command -v $tool >/dev/null || { echo "$tool is missing: bash $CORPUS/generate.sh deps" >&2; exit 2; }; done
OURS=$HERE; mkdir -p "$1"; OUT=$(cd "$1" && pwd); shift
export WORK=${WORK:-/tmp/stopcode-modes} DEST=$OUT DEV=$CORPUS GEN_LIB=1; mkdir -p "$WORK/home"
. "$CORPUS/generate.sh"

FRAMES="pushes saves lea r12 r13 alloca big huge leave tail tail_memory tail_register rep_ret ret_n xmm chained machine_frame machine_frame_code leaf liar noreturn jump_null two_epilogs pop_only bare rbp_free"
OTHERS="fiber fiber_nested fiber_threads coroutine coroutine_transfer catch cleanup rethrow terminate handler qsort_deep bsearch enum apc pool timer once vectored jit jit_table jit_inside rop_wild rop_null rop_heap rop_middle must_tail variable vector switched switched_back"
MODES=${*:-"$(printf 'asm_%s ' $FRAMES) $(printf 'step_%s ' $FRAMES) $OTHERS"}

# Where the reference is wrong: it takes a function without a record for a leaf whatever it finds, and follows no IRETQ.
first=${BUILDS%% *}; export DOUBT="$first-step_liar_01 $first-step_liar_02 $first-step_liar_03 $first-step_machine_frame_18 $first-step_machine_frame_code_17"

tools || exit 1
build_modes() { # BUILD
  local b=$1; mkdir -p "$WORK/bin/$b" "$C/$b"; src "$OURS"/*.cpp "$OURS"/*.S
  ( cd "$WORK/bin/$b" && cc modes -std=c++20 -${b^^} "$WORK/src/modes.cpp" && clang-16 --target=x86_64-w64-mingw32 -g -gcodeview -c -o frames.o "$WORK/src/frames.S" \
    && ld modes.exe modes.o frames.o -ldbghelp && cp modes.exe modes.pdb "$C/$b/" && cp "$C/tools/dbghelp.dll" "$C/$b/" )
}
rm -f "$C"/out/*.dmp
for b in $BUILDS; do
  build_modes $b || { echo "build failed" >&2; exit 1; }
  store $b modes.exe
  for m in $MODES; do
    # Hand-written functions are the same in all builds: one build steps through them.
    case $m in step_*|asm_*) [ $b = ${BUILDS%% *} ] || continue;; esac
    # The stack that a switched one leads back to is in dumps of all private memory.
    t=0; [ $m = switched_back ] && t=200
    W_DIR=$b w modes.exe $m "C:\\crash\\out\\$b-$m.dmp" $t > "$WORK/said" || true
    ls "$C"/out/$b-$m*.dmp >/dev/null 2>&1 || echo "  $b-$m wrote no dump: $(head -c 80 "$WORK/said")"
  done
done
rm -f "$OUT"/*.dmp "$OUT"/*.json
for f in "$C"/out/*.dmp; do n=$(basename "$f" .dmp); cp "$f" "$OUT/"; expect "$OUT/$n.dmp" ${n%%-*} modes.exe; done
AGREE=${AGREE:-$ROOT/../shared/tools/agree.py}; NODE=$ROOT/node_modules/.bin/node
"$NODE" "$OURS/../agree.ts" "$OUT" "$OUT/ours" --symbols "$OUT/symstore" --images /usr/lib/x86_64-linux-gnu/wine/x86_64-windows
[ -f "$AGREE" ] && python3 "$AGREE" "$OUT" "$OUT/ours" --suffix .json --per-dump
