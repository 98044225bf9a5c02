/* CUring: see CUring.h */
