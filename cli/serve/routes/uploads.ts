import type { Hono } from "hono";
import type { DataDir } from "../../../shared/adapters/embedded/data-dir.ts";
import { Problem } from "../problem.ts";
import { receiveUpload } from "../receive-upload.ts";

/**
 * `POST /api/dumps?name=…`, `PUT /api/dumps/<name>` (what `curl -T file URL/` sends): the body is the dump.
 * Headers: `x-stopcode-machine` names the machine, `x-stopcode-upload-id` makes a repetition the same upload.
 */
export function uploadRoutes(app: Hono, data: DataDir, maxBytes: number): void {
  app.on(["POST", "PUT"], ["/api/dumps", "/api/dumps/:name"], async (c) => {
    const type = c.req.header("content-type") ?? "";
    if (type.startsWith("multipart/")) {
      throw new Problem(
        415,
        "upload.multipart",
        "send the dump's bytes as the body, not as a form: curl -T <file> <url>",
      );
    }
    if (c.req.header("content-encoding") !== undefined) {
      throw new Problem(415, "upload.encoded", "send the dump's bytes as they are, without a content-encoding");
    }
    const length = c.req.header("content-length");
    const body = c.req.raw.body;
    const name = c.req.param("name") ?? c.req.query("name");
    const machine = c.req.header("x-stopcode-machine");
    const uploadId = c.req.header("x-stopcode-upload-id");
    const accepted = await receiveUpload(
      data,
      {
        body: body ?? empty(),
        ...(length === undefined ? {} : { announcedSize: Number(length) }),
        ...(name === undefined ? {} : { name }),
        ...(machine === undefined ? {} : { machine }),
        ...(uploadId === undefined ? {} : { uploadId }),
      },
      maxBytes,
    );
    return c.json(accepted, 202, { location: accepted.statusUrl });
  });
}

async function* empty(): AsyncIterable<Uint8Array> {}
