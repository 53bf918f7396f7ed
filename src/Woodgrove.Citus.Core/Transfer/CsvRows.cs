using System.Buffers;
using Npgsql;

namespace Woodgrove.Citus.Transfer;

/// <summary>The rows that a COPY of CSV gives; its blocks may end within a row.</summary>
internal sealed class CsvRows(NpgsqlRawCopyStream copy) : RowBlocks(copy)
{
    private static readonly SearchValues<byte> Marks = SearchValues.Create("\"\n"u8);
    private bool _isQuoted;

    protected override (Range Block, int Count) Cut(ReadOnlySpan<byte> bytes, bool isAll)
    {
        int count = 0;
        for (int at = bytes.IndexOfAny(Marks), next; at >= 0; at = next < 0 ? next : at + 1 + next)
        {
            if (bytes[at] == (byte)'"') _isQuoted = !_isQuoted; // twice where it is part of a value
            else if (!_isQuoted) count++;
            next = bytes[(at + 1)..].IndexOfAny(Marks);
        }
        return (..bytes.Length, count);
    }
}
