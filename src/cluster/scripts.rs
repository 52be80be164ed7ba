//! What has to happen at once in Redis. Scripts run where the keys are, with nobody in between, so that what
//! they check still holds when they write.
//!
//! Numbers go through Lua as doubles: exact below 2⁵³, and written out by `%.0f`.

use redis::Script;
use std::sync::LazyLock;

/// Codes of the scripts' own errors.
pub const ANOTHER_HISTORY: &str = "SWEPOCH";
/// Somebody else owns the partition.
pub const FENCED: &str = "SWFENCED";
/// The stream has as many entries as it may.
pub const FULL: &str = "SWFULL";

/// Begins to use a partition through a connection to the Redis process `run`. Where another process (or nobody)
/// wrote to it last, what that one wrote may be lost in part: a new epoch begins, once for all nodes, with a
/// record of its own.
///
/// Keys: meta, log, base. Arguments: run, a name for the epoch. Answers: the epoch, and how many records there are.
pub static JOIN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'run', 'n')
if not meta[1] then
  redis.call('DEL', KEYS[2], KEYS[3])
  redis.call('HSET', KEYS[1], 'epoch', ARGV[2], 'run', ARGV[1], 'n', '0')
  return {ARGV[2], '0'}
end
if meta[2] == ARGV[1] then
  return {meta[1], meta[3]}
end
local n = string.format('%.0f', meta[3] + 1)
redis.call('XADD', KEYS[2], n .. '-0', 'b', 'epoch', 'c', '1', 'e', ARGV[2])
redis.call('HSET', KEYS[1], 'epoch', ARGV[2], 'run', ARGV[1], 'n', n)
return {ARGV[2], n}
",
    )
});

/// Appends records as one entry, whose id is the number of the last.
///
/// Keys: meta, log. Arguments: epoch, run, how many records, the entry's name, the records, most entries, and the
/// fence of the owner, or nothing for what anybody may write. Answers the last record's number.
pub static APPEND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'run', 'n', 'fence')
if meta[1] ~= ARGV[1] or meta[2] ~= ARGV[2] then
  return redis.error_reply('SWEPOCH another history has begun')
end
if ARGV[7] ~= '' and meta[4] ~= ARGV[7] then
  return redis.error_reply('SWFENCED another engine owns the partition')
end
if redis.call('XLEN', KEYS[2]) >= tonumber(ARGV[6]) then
  return redis.error_reply('SWFULL the stream is full')
end
local n = string.format('%.0f', meta[3] + ARGV[3])
redis.call('XADD', KEYS[2], n .. '-0', 'b', ARGV[4], 'c', ARGV[3], 'r', ARGV[5])
redis.call('HSET', KEYS[1], 'n', n)
return n
",
    )
});

/// Takes a lease that nobody has, or keeps it.
///
/// Keys: meta, lease. Arguments: who, for how many milliseconds. Answers their fence; 0 where somebody else has it.
pub static LEASE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local holder = redis.call('GET', KEYS[2])
if holder == ARGV[1] then
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
  return redis.call('HGET', KEYS[1], 'fence') or '0'
end
if holder then
  return '0'
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return redis.call('HINCRBY', KEYS[1], 'fence', 1)
",
    )
});

/// Gives a lease back, where it is held by who says so.
///
/// Keys: lease. Arguments: who.
pub static RELEASE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
",
    )
});

/// Puts a partition's next base in the place of the last one, and trims the stream.
///
/// Keys: meta, log, base. Arguments: epoch, the owner's fence, the last record that the base covers, its bytes, and
/// the first record that the stream keeps.
pub static BASE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'fence')
if meta[1] ~= ARGV[1] then
  return redis.error_reply('SWEPOCH another history has begun')
end
if meta[2] ~= ARGV[2] then
  return redis.error_reply('SWFENCED another engine owns the partition')
end
redis.call('SET', KEYS[3], ARGV[4])
redis.call('HSET', KEYS[1], 'base', ARGV[3])
return redis.call('XTRIM', KEYS[2], 'MINID', ARGV[5] .. '-0')
",
    )
});

/// Publishes what the partition's owner predicts, and keeps it as the last of its name for who comes later. Where
/// Redis has sharded channels (7.0), by those; else by plain ones.
///
/// Keys: meta, the channel, the hash of the last ones. Arguments: the fence, what is published, its name, for how many
/// milliseconds the hash is kept, most names in it.
pub static PREDICT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
  return redis.error_reply('SWFENCED another engine owns the partition')
end
if redis.call('HLEN', KEYS[3]) >= tonumber(ARGV[5]) then
  redis.call('DEL', KEYS[3])
end
redis.call('HSET', KEYS[3], ARGV[3], ARGV[2])
redis.call('PEXPIRE', KEYS[3], ARGV[4])
local told = redis.pcall('SPUBLISH', KEYS[2], ARGV[2])
if type(told) == 'table' and told.err and string.find(told.err, 'nknown') then
  told = redis.call('PUBLISH', KEYS[2], ARGV[2])
end
return told
",
    )
});

/// Lets go of entries that were taken in: those before an id, all where it is empty.
///
/// Keys: meta, events. Arguments: the fence, the id. Answers how many entries are left.
pub static TAKEN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
  return redis.error_reply('SWFENCED another engine owns the partition')
end
if ARGV[2] == '' then
  redis.call('XTRIM', KEYS[2], 'MAXLEN', 0)
else
  redis.call('XTRIM', KEYS[2], 'MINID', ARGV[2])
end
return redis.call('XLEN', KEYS[2])
",
    )
});

/// What is kept under a key, and the time.
///
/// Keys: the answer's. Arguments: most bytes. Answers: seconds, microseconds, and what is there.
pub static ANSWER: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local time = redis.call('TIME')
if redis.call('STRLEN', KEYS[1]) > tonumber(ARGV[1]) then
  return redis.error_reply('SWLONG that is no answer of ours')
end
return {time[1], time[2], redis.call('GET', KEYS[1])}
",
    )
});
