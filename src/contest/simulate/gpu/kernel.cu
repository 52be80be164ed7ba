// The draws of a contest on a GPU: what draw.rs and rank.rs do, with the same integers.
//
// A block of threads makes a draw at a time. Its numbers, its rows' points and its counts by total lie in shared memory
// where that is large enough, in memory of the block's own otherwise. Sums over draws are added atomically; they are
// integers, so that their order does not matter. Where threads have to wait for each other is said by __syncthreads()
// alone: nothing here relies on warps. The text is C as well as CUDA: a test compiles it for the CPU, with threads for
// threads, and compares. flat.rs says what `plan` holds.

typedef unsigned int u32;
typedef unsigned long long u64;

#define CELLS 1024
#define TO_CELL 19
#define MIXED 5
#define OPEN (2 * MIXED + 2)
#define CASH 40
#define TOP 48
#define WIN 56

// Words of the plan's head; those that end in _AT are places in the plan.
enum {
    SLOTS, ROSTERS, ROWS, PARTS, OPENS, RANGE, PLACES, PAID, BASE,
    FIXED_AT, OPENS_AT, OPEN_ROWS_AT, CELLS_AT, ROSTERS_AT, COPIES_AT, BRINGS_AT, UNTIL_AT, BEFORE_AT, NORMAL_AT
};

__device__ static u32 high_of(u32 a, u32 b) {
    return (u32)((u64)a * b >> 32);
}

// Philox 4x32-10.
__device__ static void philox(u64 seed, u64 draw, u32 part, u32 *out) {
    u32 a = (u32)draw, b = (u32)(draw >> 32), c = part, d = 0;
    u32 key = (u32)seed, lock = (u32)(seed >> 32);
    int round;
    for (round = 0; round < 10; round++) {
        u32 low = a * 0xD2511F53u, low_high = high_of(a, 0xD2511F53u);
        u32 high = c * 0xCD9E8D57u, high_high = high_of(c, 0xCD9E8D57u);
        a = high_high ^ b ^ key;
        b = high;
        c = low_high ^ d ^ lock;
        d = low;
        key += 0x9E3779B9u;
        lock += 0xBB67AE85u;
    }
    out[0] = a;
    out[1] = b;
    out[2] = c;
    out[3] = d;
}

__device__ static int normal(const int *table, u32 bits) {
    u32 rare = bits << 1 | 1;
    int zeros = __clz((int)rare);
    u32 shifted = rare << zeros;
    u32 at = (u32)(31 - zeros) * 64 + (shifted >> 25 & 63);
    int left = table[at], right = table[at + 1];
    int size = left + ((right - left) * (int)(shifted >> 13 & 4095) >> 12);
    return bits >> 31 ? -size : size;
}

// What an entry brings that shares the places from `above` on with others, packed as in rank.rs.
__device__ static u64 brings_of(const u32 *plan, u32 above, u32 sharing) {
    const u64 *by_place = (const u64 *)(plan + plan[BRINGS_AT]);
    const u64 *before = (const u64 *)(plan + plan[BEFORE_AT]);
    const u32 *until = plan + plan[UNTIL_AT];
    u32 paid = plan[PAID];
    u64 brings = by_place[above];
    if (above + sharing > until[above]) {
        u32 from = above < paid ? above : paid;
        u32 to = above + sharing < paid ? above + sharing : paid;
        brings = brings >> CASH << CASH | (before[to] - before[from]) / sharing;
    }
    return brings;
}

// The numbers of a draw, then what each row brings.
__device__ static void draw_rows(const u32 *plan, u64 seed, u64 draw, int *numbers, int *rows) {
    const int *table = (const int *)(plan + plan[NORMAL_AT]);
    const int *cells = (const int *)(plan + plan[CELLS_AT]);
    const u32 *open_rows = plan + plan[OPEN_ROWS_AT];
    u32 i, k;
    for (i = threadIdx.x; i < plan[PARTS]; i += blockDim.x) {
        u32 bits[4];
        philox(seed, draw, i, bits);
        for (k = 0; k < 4; k++) {
            numbers[4 * i + k] = normal(table, bits[k]);
        }
    }
    __syncthreads();
    for (i = threadIdx.x; i < plan[OPENS]; i += blockDim.x) {
        const u32 *open = plan + plan[OPENS_AT] + i * OPEN;
        int mixed = 0, cell;
        for (k = 0; k < MIXED; k++) {
            mixed += numbers[open[k]] * (int)open[MIXED + k];
        }
        cell = (mixed >> TO_CELL) + CELLS / 2;
        cell = cell < 0 ? 0 : cell > CELLS - 1 ? CELLS - 1 : cell;
        for (k = open[2 * MIXED]; k < open[2 * MIXED + 1]; k++) {
            rows[open_rows[k]] = cells[(u64)k * CELLS + (u32)cell];
        }
    }
    __syncthreads();
}

// From counts by total to what each total brings that anybody has and that brings anything. Each thread has a stretch of
// totals, the first the highest; `sums` has two numbers for each thread. Answers the least of these totals in `cut`.
__device__ static void rank(const u32 *plan, const u32 *counts, u64 *brings, u32 *sums, u32 *cut) {
    u32 range = plan[RANGE], wanted = plan[PLACES];
    u32 stretch = (range + blockDim.x - 1) / blockDim.x;
    u32 done = threadIdx.x * stretch;
    u32 from = done < range ? range - done : 0;
    u32 to = from > stretch ? from - stretch : 0;
    u32 own = 0, above, at, step;
    u32 *now = sums, *next = sums + blockDim.x;
    for (at = to; at < from; at++) {
        own += counts[at];
    }
    now[threadIdx.x] = own;
    __syncthreads();
    for (step = 1; step < blockDim.x; step *= 2) {
        u32 *other = now;
        next[threadIdx.x] = now[threadIdx.x] + (threadIdx.x >= step ? now[threadIdx.x - step] : 0);
        now = next;
        next = other;
        __syncthreads();
    }
    above = now[threadIdx.x] - own;
    for (at = from; at > to && above < wanted; at--) {
        u32 sharing = counts[at - 1];
        if (sharing > 0) {
            brings[at - 1] = brings_of(plan, above, sharing);
            atomicMin(cut, at - 1);
            above += sharing;
        }
    }
    __syncthreads();
}

// Draws `first` to `first + draws`, by all blocks. `own` has `own_words` for each block. `cents` is a sum for each roster,
// `marks` three counts: cashes of all rosters, then tops, then wins.
#ifdef __cplusplus
extern "C"
#endif
__global__ void simulate(const u32 *plan, u32 *own, u64 own_words, u32 is_near, u64 *cents, u32 *marks, u64 seed, u64 first, u32 draws) {
    extern __shared__ u32 shared[];
    const unsigned short *rosters = (const unsigned short *)(plan + plan[ROSTERS_AT]);
    const u32 *copies = plan + plan[COPIES_AT];
    u32 count = plan[ROSTERS], range = plan[RANGE];
    u32 *mine = own + blockIdx.x * own_words;
    u64 *brings = (u64 *)mine;
    u32 *totals = mine + 2 * (u64)range;
    u32 *sums = shared + 2;
    u32 *cut = shared;
    u32 *near = is_near ? sums + 2 * blockDim.x : totals + count;
    int *numbers = (int *)near;
    int *rows = numbers + 4 * plan[PARTS];
    u32 *counts = (u32 *)rows + plan[ROWS];
    u32 draw, i, slot;
    for (i = threadIdx.x; i < plan[ROWS]; i += blockDim.x) {
        rows[i] = (int)plan[plan[FIXED_AT] + i];
    }
    __syncthreads();
    for (draw = blockIdx.x; draw < draws; draw += gridDim.x) {
        for (i = threadIdx.x; i < range; i += blockDim.x) {
            counts[i] = 0;
        }
        if (threadIdx.x == 0) {
            *cut = range;
        }
        draw_rows(plan, seed, first + draw, numbers, rows);
        for (i = threadIdx.x; i < count; i += blockDim.x) {
            u32 total = plan[BASE];
            for (slot = 0; slot < plan[SLOTS]; slot++) {
                total += (u32)rows[rosters[(u64)slot * count + i]];
            }
            totals[i] = total;
            atomicAdd(counts + total, copies[i]);
        }
        __syncthreads();
        rank(plan, counts, brings, sums, cut);
        for (i = threadIdx.x; i < count; i += blockDim.x) {
            u64 what;
            if (totals[i] < *cut) {
                continue;
            }
            what = brings[totals[i]];
            atomicAdd(cents + i, what & (((u64)1 << CASH) - 1));
            if (what >> CASH & 255) {
                atomicAdd(marks + i, 1u);
            }
            if (what >> TOP & 255) {
                atomicAdd(marks + count + i, 1u);
            }
            if (what >> WIN) {
                atomicAdd(marks + 2 * (u64)count + i, 1u);
            }
        }
        __syncthreads();
    }
}
