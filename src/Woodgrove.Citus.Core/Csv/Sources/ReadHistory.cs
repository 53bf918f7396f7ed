using System.IO.Hashing;

namespace Woodgrove.Citus.Csv.Sources;

/// <summary>
/// What has been read of a source, as hashes of its beginning up to many places. Whoever reads it again finds out by
/// them, with no help of a web server, that it is no longer the same.
/// </summary>
internal sealed class ReadHistory
{
    private const int Distance = 64 * 1024;
    private readonly SortedList<long, ulong> _marks = [];

    /// <summary>One reading, from the source's beginning.</summary>
    public sealed class Reading(ReadHistory history)
    {
        private readonly XxHash3 _hash = new();

        public long Offset { get; private set; }

        /// <summary>The hash of all that was read.</summary>
        public ulong Hash => _hash.GetCurrentHashAsUInt64();

        /// <summary>Takes the next bytes that were read.</summary>
        /// <returns>False where they are not those that another reading had.</returns>
        public bool Add(ReadOnlySpan<byte> bytes)
        {
            while (!bytes.IsEmpty)
            {
                int count = (int)Math.Min(bytes.Length, history.NextMark(Offset) - Offset);
                _hash.Append(bytes[..count]);
                Offset += count;
                bytes = bytes[count..];
                if ((Offset % Distance == 0 || bytes.IsEmpty) && !Mark()) return false;
            }
            return true;
        }

        private bool Mark() => history.Mark(Offset, Hash);
    }

    private long NextMark(long after)
    {
        lock (_marks)
        {
            long next = (after / Distance + 1) * Distance;
            // The places where pieces ended are few: they lie between two marks, and go once the next mark is made.
            int at = FirstAfter(after);
            return at < _marks.Count ? Math.Min(next, _marks.GetKeyAtIndex(at)) : next;
        }
    }

    private bool Mark(long offset, ulong hash)
    {
        lock (_marks)
        {
            if (_marks.TryGetValue(offset, out ulong before)) return before == hash;
            // A place where a piece ended is kept only as the farthest that anybody has read.
            if (_marks.Count > 0 && _marks.GetKeyAtIndex(_marks.Count - 1) is var farthest)
            {
                if (offset < farthest && offset % Distance != 0) return true;
                if (offset > farthest && farthest % Distance != 0) _marks.RemoveAt(_marks.Count - 1);
            }
            _marks[offset] = hash;
            return true;
        }
    }

    private int FirstAfter(long offset)
    {
        (int low, int high) = (0, _marks.Count);
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_marks.GetKeyAtIndex(middle) <= offset) low = middle + 1;
            else high = middle;
        }
        return low;
    }
}
