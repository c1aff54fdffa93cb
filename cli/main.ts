import { Command, CommanderError } from "commander";
import { ANALYZER_VERSION } from "../shared/report/versions.ts";
import { analyzeCommand } from "./analyze/analyze-command.ts";
import { EXIT } from "./exit-codes.ts";

/** The one program. Commands that need more than a parser are loaded when they are called. */
async function main(argv: readonly string[]): Promise<void> {
  const program = new Command("stopcode")
    .description("Reads Windows kernel dumps and user minidumps by range and says what crashed.")
    .version(ANALYZER_VERSION)
    .showHelpAfterError("(run with --help for usage and examples)")
    .exitOverride()
    .addCommand(analyzeCommand());
  // Only `serve` brings an HTTP server and a database along: the others start without them.
  const wanted = argv.find((word) => !word.startsWith("-"));
  if (wanted === undefined || wanted === "serve" || wanted === "help") {
    const { serveCommand } = await import("./serve/serve-command.ts");
    program.addCommand(serveCommand());
  }
  for (const command of program.commands) command.exitOverride();
  await program.parseAsync(argv, { from: "user" });
}

// A reader that has seen enough (`| head`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(process.exitCode ?? EXIT.ok);
  throw error;
});

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof CommanderError) {
    // Help and version end with 0, everything else that commander refuses is wrong usage.
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  } else {
    console.error(`stopcode: internal error: ${error instanceof Error ? (error.stack ?? error.name) : String(error)}`);
    process.exitCode = EXIT.bug;
  }
}
