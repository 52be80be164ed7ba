// What kernel.cu needs to be C for a CPU: threads of a block are threads, blocks come one after the other. For a test.

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define __device__
#define __global__
#define __shared__
#define __syncthreads() pthread_barrier_wait(&together)
#define __clz(x) __builtin_clz((unsigned int)(x))
#define atomicAdd(place, more) __atomic_fetch_add((place), (more), __ATOMIC_RELAXED)

struct place {
    unsigned int x;
};
static __thread struct place threadIdx;
static struct place blockIdx, blockDim, gridDim;
static pthread_barrier_t together;

static void atomicMin(unsigned int *place, unsigned int value) {
    unsigned int now = __atomic_load_n(place, __ATOMIC_RELAXED);
    while (value < now && !__atomic_compare_exchange_n(place, &now, value, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}
