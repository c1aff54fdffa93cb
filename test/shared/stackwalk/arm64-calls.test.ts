import { isArm64Call } from "../../../shared/stackwalk/arm64-calls.ts";
import { BASE, IMAGE_SIZE, imageBytes, STACK, shown, stackOf, walk } from "./fake-machine.ts";

describe("calls of ARM64", () => {
  it.each([
    ["bl #-4", 0x97ff_ffff, true],
    ["bl #0x1000", 0x9400_0400, true],
    ["blr x8", 0xd63f_0100, true],
    ["blraaz x8", 0xd63f_091f, true],
    ["blrabz x8", 0xd63f_0d1f, true],
    ["blraa x8, x9", 0xd73f_0909, true],
    ["b #0x1000", 0x1400_0400, false],
    ["br x8", 0xd61f_0100, false],
    ["ret", 0xd65f_03c0, false],
    ["svc #0", 0xd400_0001, false],
    ["nop", 0xd503_201f, false],
    ["udf #0", 0, false],
  ])("%s", (_, word, is) => {
    expect(isArm64Call(word)).toBe(is);
  });

  it("stand before what a scan or a frame record takes for a return address", () => {
    const image = new Uint8Array(IMAGE_SIZE);
    const view = new DataView(image.buffer);
    for (const place of [0x3050, 0x5050]) view.setUint32(place - 4, 0x9400_0400, true);
    const memory = (fp: bigint): string[] =>
      shown(
        walk({
          cpu: "arm64",
          os: "Linux",
          pc: BASE + 0x1080n,
          sp: STACK + 0x100n,
          registers: { fp },
          stack: stackOf({
            256: BASE + 0x2050n,
            272: BASE + 0x3050n,
            288: BASE + 0x4050n,
            320: 0n,
            328: BASE + 0x5050n,
          }),
          provider: { forModule: () => undefined, image: () => imageBytes(image) },
        }).frames,
      );
    expect(memory(0n)).toEqual(["+1080 context", "+3050 scan", "+5050 scan"]);
    expect(memory(STACK + 0x140n)).toEqual(["+1080 context", "+5050 frame_pointer"]);
    expect(memory(STACK + 0xf8n)).toEqual(["+1080 context", "+3050 scan", "+5050 scan"]);
  });
});
