/**
 * Facts of crashes whose analyses people posted in public: what the debugger was given, and which bucket it gave.
 * The hash is the key to find a posted log by. Frames are as printed, innermost first; `@n` in an argument is the
 * address of frame n, `@module` one inside of that module. What a post leaves out (an address, a number, frames
 * that raise the stop) is filled in so that it fits what the post says in words.
 */
export interface PublicBucket {
  /** FAILURE_BUCKET_ID as printed. */
  readonly bucket: string;
  readonly hash?: string;
  readonly symbol?: string;
  readonly frames: string;
  /** What our rules give instead, and why. */
  readonly ours?: { readonly bucket: string; readonly reason: string };
}

/** Stops of the kernel. */
export interface PublicStop extends PublicBucket {
  /** MODULE_NAME as printed. */
  readonly module?: string;
  readonly code: number;
  readonly args: readonly [string, string, string, string];
  readonly process?: string;
}

const TRAPPED = "nt!KeBugCheckEx nt!KiBugCheckDispatch+69 nt!KiPageFault+469";
const WORKER = "nt!ExpWorkerThread+105 nt!PspSystemThreadStartup+55 nt!KiStartSystemThread+28";

export const PUBLIC_STOPS: readonly PublicStop[] = [
  {
    code: 0xd1,
    args: ["ffffd8024aaa8010", "2", "0", "@3"],
    process: "notmyfault64.exe",
    frames: `${TRAPPED} myfault+1981 myfault+1d3d myfault+1ea1 nt!IofCallDriver+55 nt!IopSynchronousServiceTail+1a8`,
    bucket: "AV_myfault!unknown_function",
    hash: "{9745090a-9bce-ccba-c096-ca6e9ca04c64}",
    symbol: "myfault+1981",
  },
  {
    code: 0xd1,
    args: ["@3", "2", "8", "@3"],
    frames: `${TRAPPED} TestDriver!AccessPageableMemory nt!PspSystemThreadStartup+57 nt!KiStartSystemThread+34`,
    bucket: "AV_CODE_AV_PAGED_IP_TestDriver!AccessPageableMemory",
    hash: "{2463ca34-5d68-cb7c-6807-dd2087a41e36}",
    symbol: "TestDriver!AccessPageableMemory+0",
  },
  {
    code: 0xd1,
    args: ["ffff80091002ac08", "2", "1", "@3"],
    frames:
      `${TRAPPED} Ntfs!NtfsChangeAttributeValue+392 Ntfs!NtfsAllocateRecord+42c Ntfs!NtfsCommonCreate+2393 nt!IofCallDriver+55 ` +
      "FLTMGR!FltpLegacyProcessingAfterPreCallbacksCompleted+15b FLTMGR!FltReissueSynchronousIo+c fileinfo!FIPfFileFSOpPostCreate+2ff " +
      "fileinfo!FIPostCreateCallback+1cf FLTMGR!FltpCreate+323 nt!IofCallDriver+55 nt!IopParseDevice+8be nt!NtCreateFile+79 " +
      "nt!KiSystemServiceCopyEnd+25 nt!KiServiceLinkage TestDriver!LogCurrentIrql+92 TestDriver!FileCreationThread+52 " +
      "nt!PspSystemThreadStartup+57",
    bucket: "AV_fileinfo!FIPfFileFSOpPostCreate",
    hash: "{b4048e5d-9388-9a34-9958-ec36d87bbe12}",
    symbol: "fileinfo!FIPfFileFSOpPostCreate+2ff",
    ours: {
      bucket: "AV_TestDriver!LogCurrentIrql",
      reason:
        "drivers that come with Windows are asked after those that do not: TestDriver created the file at a raised IRQL",
    },
  },
  {
    code: 0x133,
    args: ["0", "500", "500", "@nt"],
    process: "MonsterHunterW",
    frames:
      "nt!KeBugCheckEx nt!KeAccumulateTicks+589 nt!KiUpdateRunTime+c9 nt!KeClockInterruptNotify+96b nt!RtlpCSparseBitmapUnlock+2e " +
      "nt!RtlpHpAllocateHeap+4944a8 nt!ExAllocateHeapPool+22c nt!ExAllocatePool2+99 gwdrv+424e",
    bucket: "0x133_DPC_gwdrv!unknown_function",
    hash: "{229a5753-87e5-3d87-e2b9-50836a10c652}",
    symbol: "gwdrv+424e",
  },
  {
    code: 0x133,
    args: ["1", "1e00", "@nt", "0"],
    frames:
      "nt!KeBugCheckEx nt!KeAccumulateTicks+3d5 nt!KiUpdateRunTime+c9 vmbkmclr!InpProcessQueue nt!ExpWorkerThread+105",
    bucket: "0x133_ISR_vmbkmclr!InpProcessQueue",
  },
  {
    code: 0x139,
    args: ["3", "ffffc2857eb13850", "ffffc2857eb137a8", "0"],
    process: "System",
    frames:
      "nt!DbgBreakPointWithStatus nt!KiBugCheckDebugBreak+12 nt!KeBugCheck2+946 nt!KeBugCheckEx+107 nt!KiBugCheckDispatch+69 " +
      `nt!KiFastFailDispatch+d0 nt!KiRaiseSecurityCheckFailure+32e nt!PspProcessDelete+12e731 nt!ObpRemoveObjectRoutine+80 ${WORKER}`,
    bucket: "0x139_3_CORRUPT_LIST_ENTRY_nt!KiFastFailDispatch",
    hash: "{3aede96a-54dd-40d6-d4cb-2a161a843851}",
    symbol: "nt!KiFastFailDispatch+d0",
  },
  {
    code: 0x13c,
    args: ["ffff8b0351756040", "1", "1", "0"],
    process: "System",
    frames: `nt!KeBugCheckEx nt!PspThreadDelete+1706e7 nt!ObpRemoveObjectRoutine+80 nt!ObfDereferenceObjectWithTag+c7 ${WORKER}`,
    bucket: "0x13C_nt!PspThreadDelete",
    hash: "{6fe88179-1572-f8e2-aeff-cd9c600ecf3a}",
    symbol: "nt!PspThreadDelete+1706e7",
  },
  {
    code: 0x1a,
    args: ["41792", "ffffe1812d3b1c48", "4000000000", "0"],
    frames: "nt!KeBugCheckEx nt!MiDeleteVa+1581 nt!MiDeletePagablePteRange+48b nt!NtTerminateProcess+de",
    bucket: "MEMORY_CORRUPTION_ONE_BIT",
    hash: "{e3faf315-c3d0-81db-819a-6c43d23c63a7}",
    module: "hardware",
  },
  {
    code: 0x116,
    args: ["ffff848e52156290", "@nvlddmkm", "ffffffffc000009a", "4"],
    process: "System",
    frames:
      "nt!KeBugCheckEx dxgkrnl!TdrBugcheckOnTimeout+101 dxgkrnl!ADAPTER_RENDER::Reset+220 dxgkrnl!DXGADAPTER::Reset+58a " +
      `dxgkrnl!TdrResetFromTimeout+15 ${WORKER}`,
    bucket: "0x116_IMAGE_nvlddmkm.sys",
    hash: "{c89bfe8c-ed39-f658-ef27-f2898997fdbd}",
  },
  {
    code: 0x1000007e,
    args: ["ffffffffc0000005", "@0", "ffffa70af8fbaf08", "ffffa70af8fba720"],
    frames: "o2micro_sdhost+45c8 nt!DbgPrintEx+30 o2micro_sdhost+10e0",
    bucket: "AV_o2micro_sdhost!unknown_function",
    hash: "{675c0c01-465e-ed53-efc7-4c82b345b89c}",
    symbol: "o2micro_sdhost+45c8",
  },
];

/** Failures of processes. */
export interface PublicFailure extends PublicBucket {
  readonly code: number;
  readonly parameters: readonly string[];
  /** Files of modules whose name is not that of the frame's module with `.dll`. */
  readonly files: Readonly<Record<string, string>>;
  /** Application Verifier was on. */
  readonly verified?: true;
  /** MODULE_NAME as printed. */
  readonly module: string;
}

const STARTED = "kernel32!BaseThreadInitThunk+14 ntdll!RtlUserThreadStart+21";

export const PUBLIC_FAILURES: readonly PublicFailure[] = [
  {
    code: 0xc0000005,
    parameters: ["1", "0"],
    files: { AccessV: "AccessV.exe" },
    frames: `AccessV!main+101 ${STARTED}`,
    bucket: "NULL_POINTER_WRITE_c0000005_AccessV.exe!main",
    hash: "{1c59fc7c-49ca-7215-0582-702a810098c4}",
    symbol: "AccessV!main+101",
    module: "AccessV",
  },
  {
    code: 0xc0000005,
    parameters: ["0", "50"],
    files: { Flash: "Flash.ocx", wscript: "wscript.exe" },
    frames: `Flash+33e553 Flash+3156df OLEAUT32!DispCallFuncAmd64+7f vbscript!InvokeDispatch+985 wscript!WinMain+204 ${STARTED}`,
    bucket: "NULL_CLASS_PTR_READ_c0000005_Flash.ocx!Unknown",
    hash: "{fc7546b3-cbbe-7687-a761-c90b7fcd1642}",
    symbol: "Flash+33e553",
    module: "Flash",
  },
  {
    code: 0xc0000005,
    parameters: ["1", "0"],
    files: { electron: "electron.exe" },
    frames: "electron!node::AsyncResource::CallbackScope::~CallbackScope+13227c",
    bucket: "NULL_POINTER_WRITE_c0000005_electron.exe!node::AsyncResource::CallbackScope::_CallbackScope",
    hash: "{3f18c3a4-c6fc-f39e-d02b-f38f7b21394d}",
    symbol: "electron!node::AsyncResource::CallbackScope::~CallbackScope+13227c",
    module: "electron",
  },
  {
    code: 0xc0000005,
    parameters: ["0", "6"],
    files: { msvcr120_ruby230: "msvcr120-ruby230.dll" },
    frames: `msvcr120_ruby230!st_lookup+d ${STARTED}`,
    bucket: "NULL_CLASS_PTR_READ_c0000005_msvcr120-ruby230.dll!st_lookup",
    symbol: "msvcr120_ruby230!st_lookup+d",
    module: "msvcr120_ruby230",
  },
  {
    code: 0xc0000005,
    parameters: ["0", "7ff719493489"],
    files: { monero_wallet_gui: "monero-wallet-gui.exe" },
    frames: `monero_wallet_gui+bc3489 monero_wallet_gui+17a73dd ${STARTED}`,
    bucket: "INVALID_POINTER_READ_c0000005_monero-wallet-gui.exe!Unknown",
    hash: "{248e52a1-581a-b921-2423-ff898c192306}",
    symbol: "monero_wallet_gui+bc3489",
    module: "monero_wallet_gui",
  },
  {
    code: 0xc0000005,
    parameters: ["0", "6724ff8"],
    files: {},
    frames: "FreeImaged!FreeImage_HasPixels+15",
    verified: true,
    bucket: "INVALID_POINTER_READ_AVRF_c0000005_FreeImaged.dll!FreeImage_HasPixels",
    hash: "{259a0c43-5140-5e12-e7c1-08b76d9f11b2}",
    symbol: "FreeImaged!FreeImage_HasPixels+15",
    module: "FreeImaged",
  },
  {
    code: 0xc0000005,
    parameters: ["0", "1b1b6e68fd0"],
    files: {},
    frames: "d3d11!CContext::TID3D11DeviceContext_SOSetTargets_<2>+da libglesv2!glStartTilingQCOM+32bece",
    verified: true,
    bucket: "INVALID_POINTER_READ_AVRF_c0000005_d3d11.dll!CContext::TID3D11DeviceContext_SOSetTargets__2_",
    module: "d3d11",
  },
  {
    code: 0x517a7ed,
    parameters: [],
    files: {},
    frames: `chrome_elf+1ade62 ${STARTED}`,
    verified: true,
    bucket: "APPLICATION_FAULT_AVRF_517a7ed_chrome_elf.dll!Unknown",
    hash: "{83d3484b-61a5-7688-5a33-ec9bb1799d38}",
    symbol: "chrome_elf+1ade62",
    module: "chrome_elf",
  },
  {
    code: 0xc0000602,
    parameters: [],
    files: { Fabric: "Fabric.exe" },
    frames: `KERNELBASE!RaiseFailFastException+74 Fabric!Common::Assert::DoFailFast+1d8 Fabric!Common::Assert::CodingError+5f ${STARTED}`,
    bucket: "FAIL_FAST_EXCEPTION_c0000602_Fabric.exe!Common::Assert::DoFailFast",
    hash: "{088f6433-45df-83fd-0817-22eab3c603c9}",
    symbol: "Fabric!Common::Assert::DoFailFast+1d8",
    module: "Fabric",
  },
  {
    code: 0xc0000409,
    parameters: ["2"],
    files: { BandiView_x64: "BandiView.x64.exe" },
    frames: "BandiView_x64+410d1d",
    bucket:
      "FAIL_FAST_STACK_BUFFER_OVERRUN_STACK_COOKIE_CHECK_FAILURE_MISSING_GSFRAME_c0000409_BandiView.x64.exe!Unknown",
    hash: "{d3a506d9-04ad-bfdd-58cb-04f4250ceab5}",
    symbol: "BandiView_x64+410d1d",
    module: "BandiView_x64",
    ours: {
      bucket: "FAIL_FAST_STACK_BUFFER_OVERRUN_STACK_COOKIE_CHECK_FAILURE_c0000409_BandiView.x64.exe!Unknown",
      reason: "the debugger also says whether it found the frame whose cookie was overwritten, by a search of its own",
    },
  },
  {
    code: 0xc00000fd,
    parameters: ["1", "23001000"],
    files: { StackOverflow: "StackOverflow.exe" },
    frames: `StackOverflow!wmain+1d ${STARTED}`,
    bucket: "STACK_OVERFLOW_c00000fd_StackOverflow.exe!wmain",
    module: "StackOverflow",
  },
  {
    code: 0xc0000005,
    parameters: ["0", "7ff900000000"],
    files: { vipe_ext_cp310_win_amd64: "vipe_ext.cp310-win_amd64.pyd" },
    frames: "vipe_ext_cp310_win_amd64!<lambda_69bdfca26b73dea3b2b1753c36546a2a>::operator()+98",
    bucket:
      "INVALID_POINTER_READ_c0000005_vipe_ext.cp310-win_amd64.pyd!_lambda_69bdfca26b73dea3b2b1753c36546a2a_::operator",
    module: "vipe_ext_cp310_win_amd64",
  },
];
