using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Woodgrove.Citus.Ingest;

/// <summary>
/// Finds where records end in the raw bytes of a CSV file, by the rules of PostgreSQL's COPY: a quote opens or
/// closes quoting wherever it stands, a line end inside quotes belongs to the value, and the first line end of
/// the file says which of LF, CR and CRLF ends the records.
/// Feed it a file's bytes in order, in pieces of any size.
/// </summary>
internal abstract class CsvRecordScanner
{
    /// <summary>The last byte of a record's line end, or 0 before the first one has been seen.</summary>
    public byte LineEnd { get; private set; }

    /// <summary>True while the bytes so far end inside a quoted value.</summary>
    public bool InQuotes { get; protected set; }

    public static CsvRecordScanner Create(CsvDialect dialect) => dialect.EscapeByte == dialect.QuoteByte
        ? new QuoteParityScanner(dialect.QuoteByte)
        : new ByteScanner(dialect.QuoteByte, dialect.EscapeByte);

    /// <summary>Adds to <paramref name="ends"/> the offset just past each record's line end in <paramref name="data"/>.</summary>
    public void FindEnds(ReadOnlySpan<byte> data, List<int> ends)
    {
        if (LineEnd != 0)
        {
            Scan(data, 0, LineEnd, ends);
            return;
        }
        // Until the first line end is known, go slowly: a CR decides nothing before the byte after it is seen.
        int start = 0;
        if (_afterFirstCr) Decide(data.Length > 0 && data[0] == '\n', data, ref start, ends);
        for (int i = start; LineEnd == 0 && i < data.Length; i++)
        {
            byte b = data[i];
            bool wasInQuotes = InQuotes;
            Step(b);
            start = i + 1;
            if (wasInQuotes || InQuotes) continue;
            if (b == '\n')
            {
                LineEnd = b;
                ends.Add(start);
            }
            else if (b == '\r')
            {
                if (i + 1 == data.Length) _afterFirstCr = true;
                else Decide(data[i + 1] == '\n', data, ref start, ends);
            }
        }
        if (LineEnd != 0 && start < data.Length) Scan(data, start, LineEnd, ends);
    }

    /// <summary>Tells the scanner that the file has ended: a CR that was its very last byte is a line end after all.</summary>
    public void EndOfFile()
    {
        if (_afterFirstCr) LineEnd = (byte)'\r';
        _afterFirstCr = false;
    }

    private bool _afterFirstCr;

    private void Decide(bool lineFeedFollows, ReadOnlySpan<byte> data, ref int start, List<int> ends)
    {
        _afterFirstCr = false;
        LineEnd = lineFeedFollows ? (byte)'\n' : (byte)'\r';
        if (lineFeedFollows) start++;
        ends.Add(Math.Min(start, data.Length));
    }

    /// <summary>Follows one byte's effect on quoting.</summary>
    protected abstract void Step(byte b);

    protected abstract void Scan(ReadOnlySpan<byte> data, int start, byte lineEnd, List<int> ends);

    /// <summary>A byte at a time; for dialects whose escape differs from the quote, and to test the other against.</summary>
    internal sealed class ByteScanner(byte quote, byte escape) : CsvRecordScanner
    {
        private bool _afterEscape;

        protected override void Step(byte b)
        {
            if (escape == quote)
            {
                if (b == quote) InQuotes = !InQuotes;
                return;
            }
            if (InQuotes && b == escape) _afterEscape = !_afterEscape;
            if (b == quote && !_afterEscape) InQuotes = !InQuotes;
            if (b != escape) _afterEscape = false;
        }

        protected override void Scan(ReadOnlySpan<byte> data, int start, byte lineEnd, List<int> ends)
        {
            for (int i = start; i < data.Length; i++)
            {
                Step(data[i]);
                if (data[i] == lineEnd && !InQuotes) ends.Add(i + 1);
            }
        }
    }

    /// <summary>
    /// 64 bytes at a time: the bytes inside quotes are those with an odd number of quotes before them, which a
    /// carry-less multiplication by all ones gives for 64 positions at once.
    /// </summary>
    internal sealed class QuoteParityScanner(byte quote) : CsvRecordScanner
    {
        private const int Block = 64;

        protected override void Step(byte b)
        {
            if (b == quote) InQuotes = !InQuotes;
        }

        protected override void Scan(ReadOnlySpan<byte> data, int start, byte lineEnd, List<int> ends)
        {
            ref byte first = ref MemoryMarshal.GetReference(data);
            ulong inside = InQuotes ? ulong.MaxValue : 0;
            int i = start;
            for (; i + Block <= data.Length; i += Block)
                inside = ScanBlock(ref System.Runtime.CompilerServices.Unsafe.Add(ref first, i), i, lineEnd, inside, ulong.MaxValue, ends);
            if (i < data.Length)
            {
                Span<byte> tail = stackalloc byte[Block];
                data[i..].CopyTo(tail);
                inside = ScanBlock(ref MemoryMarshal.GetReference(tail), i, lineEnd, inside, (1UL << (data.Length - i)) - 1, ends);
            }
            InQuotes = inside != 0;
        }

        private ulong ScanBlock(ref byte at, int offset, byte lineEnd, ulong carry, ulong valid, List<int> ends)
        {
            ulong quoted = PrefixXor(Mask(ref at, quote) & valid) ^ carry;
            for (ulong found = Mask(ref at, lineEnd) & ~quoted & valid; found != 0; found &= found - 1)
                ends.Add(offset + BitOperations.TrailingZeroCount(found) + 1);
            return (ulong)((long)quoted >> 63);
        }

        private static ulong Mask(ref byte at, byte value)
        {
            if (Vector512.IsHardwareAccelerated)
                return Vector512.Equals(Vector512.LoadUnsafe(ref at), Vector512.Create(value)).ExtractMostSignificantBits();
            ulong low = Vector256.Equals(Vector256.LoadUnsafe(ref at), Vector256.Create(value)).ExtractMostSignificantBits();
            ulong high = Vector256.Equals(Vector256.LoadUnsafe(ref at, 32), Vector256.Create(value)).ExtractMostSignificantBits();
            return low | (high << 32);
        }

        /// <summary>Bit i of the result is the parity of the bits 0 to i.</summary>
        private static ulong PrefixXor(ulong bits)
        {
            if (Pclmulqdq.IsSupported)
                return Pclmulqdq.CarrylessMultiply(Vector128.CreateScalar(bits), Vector128<ulong>.AllBitsSet, 0).ToScalar();
            for (int shift = 1; shift < 64; shift <<= 1) bits ^= bits << shift;
            return bits;
        }
    }
}
