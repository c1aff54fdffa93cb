/**
 * Puts two stacks side by side by their longest common subsequence: one frame too many or too few is one
 * difference, not as many as there are frames above it.
 */
export function align<Ours, Theirs>(
  ours: readonly Ours[],
  theirs: readonly Theirs[],
  same: (own: Ours, other: Theirs) => boolean,
): (readonly [Ours | undefined, Theirs | undefined])[] {
  const width = theirs.length + 1;
  const lengths = new Uint32Array((ours.length + 1) * width);
  for (let a = ours.length - 1; a >= 0; a--) {
    for (let b = theirs.length - 1; b >= 0; b--) {
      const down = lengths[(a + 1) * width + b] as number;
      const right = lengths[a * width + b + 1] as number;
      const both = same(ours[a] as Ours, theirs[b] as Theirs) ? (lengths[(a + 1) * width + b + 1] as number) + 1 : 0;
      lengths[a * width + b] = Math.max(down, right, both);
    }
  }
  const pairs: (readonly [Ours | undefined, Theirs | undefined])[] = [];
  let a = 0;
  let b = 0;
  while (a < ours.length || b < theirs.length) {
    const here = lengths[a * width + b];
    if (
      a < ours.length &&
      b < theirs.length &&
      same(ours[a] as Ours, theirs[b] as Theirs) &&
      here === (lengths[(a + 1) * width + b + 1] as number) + 1
    )
      pairs.push([ours[a++], theirs[b++]]);
    else if (b < theirs.length && (a === ours.length || here === lengths[a * width + b + 1]))
      pairs.push([undefined, theirs[b++]]);
    else pairs.push([ours[a++], undefined]);
  }
  return pairs;
}
