// Runs kernel.cu on a CPU: reads a run from standard input, writes its sums. For a test; see cpu_threads.h.
//
// In: 64-bit numbers (threads, blocks, words of the plan, rosters, words of a block's own, words near it or 0, seed,
// first draw, draws), then the plan. Out: cents by roster, 64 bits each; then three marks by roster, 32 bits each.

#include "cpu_threads.h"
#include "kernel.cu"

u32 shared[1 << 22];

static unsigned long long head[9];
static u32 *plan, *own, *marks;
static u64 *cents;

static void *thread(void *number) {
    threadIdx.x = (u32)(size_t)number;
    simulate(plan, own, head[4], head[5] != 0, cents, marks, head[6], head[7], (u32)head[8]);
    return 0;
}

int main(void) {
    pthread_t threads[64];
    size_t i;
    if (fread(head, sizeof head, 1, stdin) != 1 || head[0] > 64 || 2 * head[0] + 2 + head[5] > 1 << 22) {
        return 2;
    }
    plan = malloc(head[2] * 4);
    own = calloc(head[1] * head[4], 4);
    cents = calloc(head[3], 8);
    marks = calloc(3 * head[3], 4);
    if (!plan || !own || !cents || !marks || fread(plan, 4, head[2], stdin) != head[2]) {
        return 3;
    }
    blockDim.x = (u32)head[0];
    gridDim.x = (u32)head[1];
    pthread_barrier_init(&together, 0, blockDim.x);
    for (blockIdx.x = 0; blockIdx.x < gridDim.x; blockIdx.x++) {
        for (i = 0; i < blockDim.x; i++) {
            pthread_create(threads + i, 0, thread, (void *)i);
        }
        for (i = 0; i < blockDim.x; i++) {
            pthread_join(threads[i], 0);
        }
    }
    return fwrite(cents, 8, head[3], stdout) == head[3] && fwrite(marks, 4, 3 * head[3], stdout) == 3 * head[3] ? 0 : 4;
}
