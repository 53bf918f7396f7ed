namespace Woodgrove.Citus.Csv.Sources;

/// <summary>Bytes that stand for no character in the encoding.</summary>
/// <param name="offset">Where the first of them is, in bytes from 0.</param>
/// <param name="line">The physical line, from 1.</param>
internal sealed class UndefinedBytesException(byte[] bytes, long offset, long line) : Exception
{
    public byte[] Bytes => bytes;
    public string Hex => string.Join(' ', bytes.Select(b => $"0x{b:X2}"));
    public long Offset => offset;
    public long Line => line;
}
