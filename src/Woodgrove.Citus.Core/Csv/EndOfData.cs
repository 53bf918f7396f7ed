using Woodgrove.Citus.Csv.Sources;

namespace Woodgrove.Citus.Csv;

/// <summary>
/// The line <c>\.</c>, which ends the data for psql and for servers before PostgreSQL 18, though nothing in CSV asks for it.
/// </summary>
internal static class EndOfData
{
    /// <summary>The records of a block that come before such a line: how many, and where they end.</summary>
    public static (int Count, int End) Find(CsvRecordReader records)
    {
        ReadOnlySpan<byte> block = records.Block.Span;
        if (block.IndexOf("\\."u8) < 0) return (records.Count, block.Length);
        for (int record = 0, start = 0; record < records.Count; record++)
        {
            int end = records.EndAfter(start);
            if (block[start..end].TrimEnd("\r\n"u8).SequenceEqual("\\."u8)) return (record, start);
            start = end;
        }
        return (records.Count, block.Length);
    }

    public static string Warning(CsvSource source, CsvRecordReader records, int end) =>
        $"{source}, line {records.LineAt(end + 1)}: '\\.' on a line of its own ends the data, as it does for psql; "
            + "what follows is not loaded.";
}
