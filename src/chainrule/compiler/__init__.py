"""From a program to machine code: schedule, kernels, LLVM IR, run time."""
