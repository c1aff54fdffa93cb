/** Keys that are asked for together. A binary search would wait for one at a time; 64 of them divide 100,000 in three. */
const PROBES = 64;

/**
 * Index of the last of ascending keys that is at most `wanted`, where each key may have to be fetched first.
 * @param keys reads several keys, which it fetches in one round or two; ascending indices
 * @returns -1 when all are larger. Keys that do not ascend give any index, in as many steps
 */
export function lastAtMost(
  count: number,
  wanted: number,
  keys: (indices: readonly number[]) => readonly number[],
): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const indices = probes(low, high);
    const over = keys(indices).findIndex((key) => key > wanted);
    if (over >= 0) high = indices[over] as number;
    const below = indices[over < 0 ? indices.length - 1 : over - 1];
    if (below !== undefined) low = below + 1;
  }
  return low - 1;
}

/** The first indices that a search among so many will ask for: to be planned before. */
export function probes(low: number, high: number): number[] {
  const step = Math.ceil((high - low) / (PROBES + 1));
  const indices: number[] = [];
  for (let index = low + Math.max(1, step) - 1; index < high; index += Math.max(1, step)) indices.push(index);
  return indices;
}
