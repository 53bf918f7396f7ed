using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Woodgrove.Citus.Csv;

/// <summary>
/// Finds the bytes that structure a CSV, by the rules of PostgreSQL's COPY: a quote opens or closes quoting
/// wherever it stands, and line ends and delimiters inside quotes belong to the value.
/// The data always begins at the beginning of a record, so a scan has no state from before.
/// </summary>
internal abstract class CsvScanner
{
    /// <summary>The bits of a mask's word: one word tells of 64 bytes.</summary>
    public const int WordBytes = 64;

    public static CsvScanner Create(CsvDialect dialect) => dialect.EscapeByte == dialect.QuoteByte
        ? new VectorScanner(dialect)
        : new ByteScanner(dialect);

    /// <summary>
    /// The last byte of the first record's line end, which is that of all: LF (after CR or not), or CR.
    /// 0 where the data has no line end yet, or ends right after a CR, so that the next byte decides.
    /// </summary>
    public abstract byte FindLineEnd(ReadOnlySpan<byte> data, bool isWhole);

    /// <summary>Marks, a bit a byte, the line ends and the delimiters that stand outside quotes.</summary>
    /// <returns>True where the data ends inside quotes.</returns>
    public abstract bool Scan(ReadOnlySpan<byte> data, byte lineEnd, Span<ulong> lineEnds, Span<ulong> delimiters);

    /// <summary>A byte at a time; for dialects whose escape differs from the quote, and to test the other against.</summary>
    internal sealed class ByteScanner(CsvDialect dialect) : CsvScanner
    {
        private readonly byte _quote = dialect.QuoteByte, _escape = dialect.EscapeByte, _delimiter = (byte)dialect.Delimiter;

        public override byte FindLineEnd(ReadOnlySpan<byte> data, bool isWhole)
        {
            (bool inQuotes, bool afterEscape) = (false, false);
            for (int i = 0; i < data.Length; i++)
            {
                Step(data[i], ref inQuotes, ref afterEscape);
                if (inQuotes) continue;
                if (data[i] == '\n') return (byte)'\n';
                if (data[i] != '\r') continue;
                if (i + 1 < data.Length) return data[i + 1] == '\n' ? (byte)'\n' : (byte)'\r';
                return isWhole ? (byte)'\r' : (byte)0;
            }
            return isWhole ? (byte)'\n' : (byte)0;
        }

        public override bool Scan(ReadOnlySpan<byte> data, byte lineEnd, Span<ulong> lineEnds, Span<ulong> delimiters)
        {
            lineEnds.Clear();
            delimiters.Clear();
            (bool inQuotes, bool afterEscape) = (false, false);
            for (int i = 0; i < data.Length; i++)
            {
                Step(data[i], ref inQuotes, ref afterEscape);
                if (inQuotes) continue;
                if (data[i] == lineEnd) lineEnds[i / WordBytes] |= 1UL << i;
                else if (data[i] == _delimiter) delimiters[i / WordBytes] |= 1UL << i;
            }
            return inQuotes;
        }

        private void Step(byte b, ref bool inQuotes, ref bool afterEscape)
        {
            if (_escape == _quote)
            {
                if (b == _quote) inQuotes = !inQuotes;
                return;
            }
            if (inQuotes && b == _escape) afterEscape = !afterEscape;
            if (b == _quote && !afterEscape) inQuotes = !inQuotes;
            if (b != _escape) afterEscape = false;
        }
    }

    /// <summary>
    /// 64 bytes at a time: the bytes inside quotes are those with an odd number of quotes before them, which a
    /// carry-less multiplication by all ones gives for 64 positions at once.
    /// </summary>
    internal sealed class VectorScanner(CsvDialect dialect) : CsvScanner
    {
        private readonly byte _quote = dialect.QuoteByte, _delimiter = (byte)dialect.Delimiter;
        private readonly ByteScanner _first = new(dialect);

        public override byte FindLineEnd(ReadOnlySpan<byte> data, bool isWhole) => _first.FindLineEnd(data, isWhole);

        // Compiled as it will stay: the runtime's first, slow version would see a good part of a file.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public override bool Scan(ReadOnlySpan<byte> data, byte lineEnd, Span<ulong> lineEnds, Span<ulong> delimiters)
        {
            ref byte first = ref MemoryMarshal.GetReference(data);
            ulong inside = 0; // all ones while the last word ended inside quotes
            int words = data.Length / WordBytes;
            for (int w = 0; w < words; w++)
                ScanWord(ref Unsafe.Add(ref first, w * WordBytes), lineEnd, ref inside, out lineEnds[w], out delimiters[w]);
            int rest = data.Length % WordBytes;
            if (rest == 0) return inside != 0;

            Span<byte> tail = stackalloc byte[WordBytes];
            tail.Clear();
            data[^rest..].CopyTo(tail);
            ScanWord(ref MemoryMarshal.GetReference(tail), lineEnd, ref inside, out lineEnds[words], out delimiters[words]);
            return inside != 0;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void ScanWord(ref byte at, byte lineEnd, ref ulong inside, out ulong lineEnds, out ulong delimiters)
        {
            ulong quoted = PrefixXor(Mask(ref at, _quote)) ^ inside;
            inside = (ulong)((long)quoted >> 63);
            lineEnds = Mask(ref at, lineEnd) & ~quoted;
            delimiters = Mask(ref at, _delimiter) & ~quoted;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static ulong Mask(ref byte at, byte value)
        {
            if (Vector512.IsHardwareAccelerated)
                return Vector512.Equals(Vector512.LoadUnsafe(ref at), Vector512.Create(value)).ExtractMostSignificantBits();
            ulong low = Vector256.Equals(Vector256.LoadUnsafe(ref at), Vector256.Create(value)).ExtractMostSignificantBits();
            ulong high = Vector256.Equals(Vector256.LoadUnsafe(ref at, 32), Vector256.Create(value)).ExtractMostSignificantBits();
            return low | (high << 32);
        }

        /// <summary>Bit i of the result is the parity of the bits 0 to i.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static ulong PrefixXor(ulong bits)
        {
            if (Pclmulqdq.IsSupported)
                return Pclmulqdq.CarrylessMultiply(Vector128.CreateScalar(bits), Vector128<ulong>.AllBitsSet, 0).ToScalar();
            for (int shift = 1; shift < 64; shift <<= 1) bits ^= bits << shift;
            return bits;
        }
    }
}
