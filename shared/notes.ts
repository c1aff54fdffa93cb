import { type FetchedBytes, MissingRanges } from "./bytes/block-cache.ts";
import { BudgetError, SourceError, StopcodeError } from "./bytes/errors.ts";

/**
 * What went wrong or was cut short, as data: every step may fail, the report still comes.
 */

/** One note of a report. Holds codes and numbers, never contents of a dump's memory. */
export interface Note {
  /** Stable dotted code: `format.truncated`, `limit.threads`, `internal.TypeError`, … */
  readonly code: string;
  /** The stream, section or step it concerns: `ModuleListStream`, `triage/drivers`. */
  readonly where: string;
  /** One sentence for people: numbers and names of structures only. */
  readonly detail: string;
}

/** Most notes a report keeps; hostile dumps could make millions. The last one says how many were dropped. */
export const MAX_NOTES = 200;

/** Collects notes; equal ones are kept once. */
export class Notes {
  readonly #notes = new Map<string, Note>();
  #dropped = 0;

  /** Adds a note. */
  add(code: string, where: string, detail = ""): void {
    const key = `${code}\0${where}\0${detail}`;
    if (this.#notes.has(key)) return;
    if (this.#notes.size >= MAX_NOTES) this.#dropped += 1;
    else this.#notes.set(key, { code, where, detail });
  }

  /** Copies all notes of another collection. */
  addAll(notes: Iterable<Note>): void {
    for (const note of notes) this.add(note.code, note.where, note.detail);
  }

  /** The notes in the order they came, then one that counts those that did not fit. */
  list(): Note[] {
    const notes = [...this.#notes.values()];
    if (this.#dropped > 0) {
      notes.push({ code: "limit.notes", where: "notes", detail: `${this.#dropped} more were dropped` });
    }
    return notes;
  }
}

/**
 * Runs one optional step: its value, or undefined and a note when it fails. The only `catch` of
 * parsing and triage code: what must reach the step runner (missing ranges), the caller (source
 * errors) or the budget passes through.
 */
export function attempt<T>(notes: Notes, where: string, step: () => T): T | undefined {
  try {
    return step();
  } catch (error) {
    if (error instanceof MissingRanges || error instanceof SourceError || error instanceof BudgetError) throw error;
    if (error instanceof StopcodeError) {
      const place = error.offset === undefined ? "" : ` at offset 0x${error.offset.toString(16)}`;
      notes.add(error.code, where, `${error.message}${place}`);
    } else {
      // A bug of ours: the class says enough for a metric, the message may quote what was read.
      notes.add(`internal.${error instanceof Error ? error.name : "unknown"}`, where, "the step failed");
    }
    return undefined;
  }
}

/** What {@link attemptStep} needs of a step runner. */
interface Runner {
  run<T>(step: (bytes: FetchedBytes) => T): Promise<T>;
}

/**
 * Runs one optional step that may fetch: its value, or undefined and a note when it fails or a budget
 * ends it, so that what was read so far still becomes a partial report. Source errors pass through:
 * another delivery may succeed where this one could not read.
 */
export async function attemptStep<T>(
  runner: Runner,
  notes: Notes,
  where: string,
  step: (bytes: FetchedBytes) => T,
): Promise<T | undefined> {
  try {
    return await runner.run((bytes) => attempt(notes, where, () => step(bytes)));
  } catch (error) {
    if (!(error instanceof BudgetError)) throw error;
    notes.add(error.code, where, error.message);
    return undefined;
  }
}

/**
 * Runs work side by side that writes down what it finds: a budget ends it with a note, and what was found
 * until then stays. Source errors pass through, as in {@link attemptStep}.
 */
export async function attemptTogether<T>(
  runner: { runTogether(tasks: readonly T[], maxRounds?: number): Promise<void> },
  notes: Notes,
  where: string,
  tasks: readonly T[],
  maxRounds?: number,
): Promise<void> {
  try {
    await runner.runTogether(tasks, maxRounds);
  } catch (error) {
    if (!(error instanceof BudgetError)) throw error;
    notes.add(error.code, where, error.message);
  }
}
