import { createHash } from "node:crypto";
import { failureIdHash } from "../../../shared/report/failure-id.ts";

/** Bucket strings and hashes that WinDbg printed in public logs. */
const PUBLIC_PAIRS: ReadonlyArray<readonly [mode: "km" | "um", bucket: string, hash: string]> = [
  ["km", "0x5A_c0000428_IMAGE_filecrypt.sys", "{35f25777-b01e-70a1-c502-f690dab6cb3a}"],
  ["km", "LKD_0x117_IMAGE_igdkmd64.sys", "{df5cc292-6e03-34f8-7849-e22c43f13df4}"],
  ["km", "X64_0x7E_man+1ce7", "{ceed7a1b-a47b-c452-63c1-012e444d5204}"],
  [
    "um",
    "SOFTWARE_NX_FAULT_c0000005_chrome_child.dll!webrtc::PeerConnection::RemoveTrack",
    "{8dd97ce9-008b-c2fa-d8f1-2086df973582}",
  ],
  ["km", "0x116_IMAGE_nvlddmkm.sys", "{c89bfe8c-ed39-f658-ef27-f2898997fdbd}"],
  ["km", "0x9F_3_RtsPer_IMAGE_pci.sys", "{ce555a86-e2a6-4bdd-cc96-f64b1a03e85a}"],
  ["um", "BREAKPOINT_80000003_fastrtps-2.6.dll!Unknown", "{4679187c-69b1-73ea-b190-e9d20e7a3a92}"],
  ["km", "0x162_TestDriver!unknown_function", "{419d12bb-5d5f-512c-e75c-1fd193415869}"],
  ["km", "AV_myfault!unknown_function", "{9745090a-9bce-ccba-c096-ca6e9ca04c64}"],
  ["km", "0x13a_12_Driver!CreateRandomFile", "{ea91b8db-b8d2-b485-3fb8-7116e18cbc08}"],
  ["km", "0x13C_nt!PspThreadDelete", "{6fe88179-1572-f8e2-aeff-cd9c600ecf3a}"],
  ["km", "RAISED_IRQL_FAULT_notmyfault64.e_nt!KiSystemServiceExitPico", "{417877c2-a27e-c86e-f30c-fc40cd36253a}"],
  ["km", "AV_dxgkrnl!DXGVIRTUALMACHINE::IsWsl2Guest", "{1653d76e-587a-827c-afc4-0327e70c52dc}"],
];

const md5 = (bytes: Uint8Array): Uint8Array => createHash("md5").update(bytes).digest();

describe("FAILURE_ID_HASH", () => {
  it.each(PUBLIC_PAIRS)("%s:%s", (mode, bucket, hash) => {
    expect(failureIdHash(mode, bucket, md5)).toBe(hash);
  });

  it("is left out when the digest is no MD5", () => {
    expect(failureIdHash("km", "0x1A", () => new Uint8Array(4))).toBeUndefined();
  });
});
