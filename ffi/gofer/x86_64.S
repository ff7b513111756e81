# The gofer on x86-64: an interpreter of system calls, and nothing else.
#
# It walks a list of entries. No stack, no heap, no data of its own: its state
# is rbx, which points at the current entry. An entry is 80 bytes:
#
#    0  u32  number   system call number
#    4  u32  flags    bit 0 (1): jump when the result is 0
#                     bit 1 (2): jump always
#                     bits 8 to 13: argument 0 to 5 is an address; load from it
#    8  u64  arguments[6]
#   56  u64  out      address that receives the result; 0: none
#   64  u64  error    next entry when the result is an errno; 0: no matter
#   72  u64  jump     next entry when a flag says so
#
# Assembled by tests/ffi/gofer_code_test.ts, which compares the bytes with
# ffi/gofer/code.ts.

.intel_syntax noprefix
.text
.globl _start

# Loads argument `index` of the entry, through its address where the flag says.
.macro argument register, index
        mov     \register, [rbx + 8 + 8 * \index]
        bt      r15d, 8 + \index
        jnc     1f
        mov     \register, [\register]
1:
.endm

_start:
        lea     rbx, [rip + program]    # the image's own entries follow the code
execute:
        mov     r15d, [rbx + 4]         # flags; r15 survives the system call
        argument rdi, 0
        argument rsi, 1
        argument rdx, 2
        argument r10, 3
        argument r8, 4
        argument r9, 5
        mov     eax, [rbx]
        syscall
        mov     rdx, [rbx + 56]
        test    rdx, rdx
        jz      1f
        mov     [rdx], rax              # out
1:      cmp     rax, -4095              # errors are -4095 to -1
        jb      2f
        mov     rdx, [rbx + 64]
        test    rdx, rdx
        jnz     go                      # error
2:      mov     rdx, [rbx + 72]
        test    r15b, 2
        jnz     go                      # always
        test    r15b, 1
        jz      3f
        test    rax, rax
        jz      go                      # zero
3:      lea     rdx, [rbx + 80]         # the next in line
go:     mov     rbx, rdx
        jmp     execute

        .balign 8
program:
