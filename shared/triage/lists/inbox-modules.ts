/**
 * Images of the operating systems: plumbing that is on the stack of everybody's bugs
 * (formats/analyze.md §6, rule 2). They are blamed only when nobody else is left.
 * Names in lower case; kernel ones without their extension.
 */

/** Windows kernel images. */
export const INBOX_KERNEL_MODULES: ReadonlySet<string> = new Set(
  (
    "nt ntoskrnl ntkrnlmp ntkrnlpa ntkrpamp ntkrla57 hal kdcom ci clfs tm pshed bootvid fltmgr ksecdd msrpc ndis netio tcpip " +
    "classpnp storport storahci stornvme disk partmgr volmgr volsnap mountmgr ntfs fastfat refs wdf01000 wdfldr " +
    "dxgkrnl dxgmms1 dxgmms2 watchdog win32k win32kbase win32kfull cdd ks portcls usbport usbhub usbxhci usbhub3 ucx01000 " +
    "acpi pci msrpc werkernel cng http srv srv2 srvnet mrxsmb afd nsi rdbss mup luafv hidclass hidusb kbdclass mouclass " +
    "intelppm amdppm processr ataport atapi pciidex iastorv vmbus rdpdr rdyboost fileinfo tdx wfplwfs bowser"
  ).split(" "),
);

/** User-mode system libraries, with their extension as dumps name them, `.so` versions cut off. */
const SYSTEM_LIBRARIES: ReadonlySet<string> = new Set(
  (
    "ntdll.dll kernel32.dll kernelbase.dll user32.dll win32u.dll gdi32.dll gdi32full.dll ucrtbase.dll msvcrt.dll combase.dll ole32.dll " +
    "oleaut32.dll rpcrt4.dll sechost.dll advapi32.dll wow64.dll wow64win.dll wow64cpu.dll " +
    "libc libpthread ld-linux ld-linux-x86-64 ld linux-gate linux-vdso libstdc++ libm libgcc_s " +
    "libsystem_kernel.dylib libsystem_c.dylib libsystem_pthread.dylib libsystem_platform.dylib libc++abi.dylib libobjc.a.dylib dyld"
  ).split(" "),
);

/** True for a library of the system that many unrelated programs crash in. */
export function isSystemLibrary(fileName: string): boolean {
  const name = fileName.toLowerCase();
  // `libc-2.13.so`, `libc.so.6` and `ld-2.13.so` are the same library as `libc` and `ld`.
  return SYSTEM_LIBRARIES.has(name) || SYSTEM_LIBRARIES.has(name.replace(/(-[\d.]+)?\.so(\.[\d.]+)?$/, ""));
}
