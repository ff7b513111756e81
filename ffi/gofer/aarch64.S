// The gofer on aarch64: an interpreter of system calls, and nothing else.
//
// It walks a list of entries; its state is x19, which points at the current
// one. The layout of an entry is told at the head of x86_64.S.
//
// Assembled by tests/ffi/gofer_code_test.ts, which compares the bytes with
// ffi/gofer/code.ts.

.text
.globl _start

// Loads argument `index` of the entry, through its address where the flag says.
.macro argument register, index
        ldr     \register, [x19, #8 + 8 * \index]
        tbz     w20, #8 + \index, 1f
        ldr     \register, [\register]
1:
.endm

_start:
        adr     x19, program            // the image's own entries follow the code
execute:
        ldr     w20, [x19, #4]          // flags; x20 survives the system call
        argument x0, 0
        argument x1, 1
        argument x2, 2
        argument x3, 3
        argument x4, 4
        argument x5, 5
        ldr     w8, [x19]
        svc     #0
        ldr     x9, [x19, #56]
        cbz     x9, 1f
        str     x0, [x9]                // out
1:      cmn     x0, #4095               // errors are -4095 to -1
        b.lo    2f
        ldr     x9, [x19, #64]
        cbnz    x9, go                  // error
2:      ldr     x9, [x19, #72]
        tbnz    w20, #1, go             // always
        tbz     w20, #0, 3f
        cbz     x0, go                  // zero
3:      add     x9, x19, #80            // the next in line
go:     mov     x19, x9
        b       execute

        .balign 8
program:
