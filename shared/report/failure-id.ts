/** FAILURE_ID_HASH_STRING: `km:` or `um:` and the bucket in lower case. */
export function failureIdText(mode: "km" | "um", bucket: string): string {
  return `${mode}:${bucket.toLowerCase()}`;
}

/**
 * FAILURE_ID_HASH: MD5 over the UTF-16LE text `km:` or `um:` + lower-case FAILURE_BUCKET_ID, its 16 bytes
 * read as a GUID in memory order (first three groups little-endian). The same bucket string gives the hash
 * that WinDbg prints and Windows Error Reporting stores, so ours can be compared with published ones.
 */
export function failureIdHash(
  mode: "km" | "um",
  bucket: string,
  md5: (bytes: Uint8Array) => Uint8Array,
): string | undefined {
  const text = failureIdText(mode, bucket);
  const bytes = new Uint8Array(text.length * 2);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < text.length; i++) view.setUint16(i * 2, text.charCodeAt(i), true);
  const digest = md5(bytes);
  if (digest.length !== 16) return undefined;
  const hex = (...order: number[]): string =>
    order.map((index) => (digest[index] ?? 0).toString(16).padStart(2, "0")).join("");
  const groups = [hex(3, 2, 1, 0), hex(5, 4), hex(7, 6), hex(8, 9), hex(10, 11, 12, 13, 14, 15)];
  return `{${groups.join("-")}}`;
}
