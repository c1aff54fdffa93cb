import type { FetchedBytes } from "../bytes/block-cache.ts";
import { peCodeId } from "../image/codeview.ts";
import { fileImage, headerBytes, type ImageBytes } from "../image/image-bytes.ts";
import { readPeHeaders } from "../image/pe.ts";

/** An image of this size is read at once. */
const WHOLE_FILE_BYTES = 128 * 1024;
/** Tables of functions up to this size, 5,000 functions on x64, come whole: a search would wait for each of its pages. */
const WHOLE_PDATA_BYTES = 64 * 1024;

/**
 * Lays out a PE file as its loader would.
 * @param codeId time stamp and size that the image must have; any when absent
 * @returns undefined when it is another build or no PE file
 * @throws MissingRanges
 */
export function openImageFile(bytes: FetchedBytes, codeId?: string): ImageBytes | undefined {
  if (bytes.size <= WHOLE_FILE_BYTES) bytes.plan([{ start: 0, end: bytes.size }]);
  const headers = readPeHeaders(headerBytes(bytes));
  const isOther = (id: string): boolean =>
    !headers || peCodeId(headers.timestamp, headers.sizeOfImage) !== id.toLowerCase();
  if (!headers || (codeId !== undefined && isOther(codeId))) return undefined;
  const firstSection = Math.min(bytes.size, 4096, ...headers.sections.map(({ rva }) => rva));
  const image = fileImage(bytes, [{ rva: 0, fileOffset: 0, fileSize: firstSection }, ...headers.sections]);
  const pdata = headers.directory("exceptions");
  if (pdata && pdata.size <= WHOLE_PDATA_BYTES) image.plan([{ rva: pdata.rva, length: pdata.size }]);
  return image;
}
