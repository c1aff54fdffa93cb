import { attempt } from "../../notes.ts";
import { followHints, hintsOf, planHints, searchByHints, searchFault, statusText } from "./follow-hints.ts";
import { decoderOf } from "./registry.ts";
import type { StopFacts, StopInput } from "./stop-facts.ts";
import { StopScene } from "./stop-scene.ts";

/**
 * Reads what a bug check's arguments lead to: which record tells the truth about the fault differs by stop
 * code. A pure step over memory: it may suspend for bytes and run again.
 * @returns facts without a context or blame where the dump has no bug check or nothing was found
 */
export function decodeStop(input: StopInput): StopFacts {
  const scene = new StopScene(input);
  if (!input.dump.bugcheck) return scene.facts();
  const decoder = decoderOf(scene.code);
  const hints = hintsOf(scene);
  const search = decoder?.fault ?? searchByHints(hints);
  planHints(scene, hints, search);
  const where = "stop-code";
  attempt(input.notes, where, () => decoder?.decode?.(scene));
  attempt(input.notes, where, () => followHints(scene, hints));
  attempt(input.notes, where, () => searchFault(scene, hints, search));
  attempt(input.notes, where, () => decoder?.conclude?.(scene));
  attempt(input.notes, where, () => commonFields(scene));
  return scene.facts();
}

const ADDRESS_FIELDS = { read: "READ_ADDRESS", write: "WRITE_ADDRESS", execute: "EXECUTE_ADDRESS" } as const;

/** Fields and candidates that follow from the fault, whatever the stop code. */
function commonFields(scene: StopScene): void {
  const { context, exception } = scene;
  if (context) {
    scene.blameAddress("context", "faulting-context", context.pc, "the failing code stood at", "medium");
    scene.addressField("FAULTING_IP", context.pc);
  }
  if (exception) {
    scene.blameAddress("context", "exception-address", exception.address, "the exception was raised at", "medium");
    scene.addressField("EXCEPTION_RECORD", exception.at);
    scene.field("EXCEPTION_CODE", statusText(scene, exception.code));
    scene.field("EXCEPTION_CODE_STR", exception.code.toString(16));
    for (const [index, value] of exception.parameters.entries())
      scene.field(`EXCEPTION_PARAMETER${index + 1}`, scene.hex(value).slice(2));
  }
  const facts = scene.facts();
  scene.addressField("TRAP_FRAME", facts.trapFrame);
  scene.addressField("CONTEXT", facts.contextRecord);
  const { accessedAddress: accessed, access } = facts;
  if (accessed !== undefined && access) scene.field(ADDRESS_FIELDS[access], scene.hex(accessed).slice(2));
  if (facts.irql !== undefined) scene.field("CURRENT_IRQL", facts.irql.toString(16));
}
