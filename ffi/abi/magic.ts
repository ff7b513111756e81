/** Constants of <linux/magic.h>: types of file systems. Compared with a C compiler by tests/ffi/abi_test.ts. */
export const MAGIC = {
  CGROUP_SUPER_MAGIC: 0x27e0eb,
  CGROUP2_SUPER_MAGIC: 0x63677270,
  PROC_SUPER_MAGIC: 0x9fa0,
  TMPFS_MAGIC: 0x1021994,
  OVERLAYFS_SUPER_MAGIC: 0x794c7630,
  SYSFS_MAGIC: 0x62656572,
  DEVPTS_SUPER_MAGIC: 0x1cd1,
} as const;
