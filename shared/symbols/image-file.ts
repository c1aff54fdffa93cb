import type { FetchedBytes } from "../bytes/block-cache.ts";
import { peCodeId } from "../image/codeview.ts";
import { fileImage, headerBytes, type ImageBytes } from "../image/image-bytes.ts";
import { readPeHeaders } from "../image/pe.ts";

/**
 * Lays out a PE file as its loader would.
 * @param codeId time stamp and size that the image must have
 * @returns undefined when it is another build or no PE file
 * @throws MissingRanges
 */
export function openImageFile(bytes: FetchedBytes, codeId: string): ImageBytes | undefined {
  const headers = readPeHeaders(headerBytes(bytes));
  if (!headers || peCodeId(headers.timestamp, headers.sizeOfImage) !== codeId.toLowerCase()) return undefined;
  const firstSection = Math.min(bytes.size, 4096, ...headers.sections.map(({ rva }) => rva));
  return fileImage(bytes, [{ rva: 0, fileOffset: 0, fileSize: firstSection }, ...headers.sections]);
}
