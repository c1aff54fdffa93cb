import type { ApiError } from "../shared/contracts/api.ts";

/** A GET of the API. @throws Error with the sentence that the server sent */
export async function get<T>(path: string): Promise<T> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(await sentenceOf(response));
  return (await response.json()) as T;
}

/** The same for text. */
export async function getText(path: string): Promise<string> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(await sentenceOf(response));
  return response.text();
}

async function sentenceOf(response: Response): Promise<string> {
  try {
    return ((await response.json()) as ApiError).error.message;
  } catch {
    return `the server answered ${response.status}`;
  }
}
