using System.Globalization;
using System.Text.Unicode;
using Npgsql;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Copy;

namespace Woodgrove.Citus.Ingest.Mapping;

/// <summary>
/// Why no server takes a record, whatever the table: it holds bytes that are not UTF-8, a zero byte, or another line end
/// than the file's first record. Found while reading, because which of them a server notices depends on how the rows
/// are spread over COPY commands.
/// </summary>
internal sealed record RecordFault(string SqlState, string Reason, string Advice)
{
    /// <summary>Whether a part of a block has such records; at a glance, as almost none has.</summary>
    public static bool IsIn(CsvRecordReader block, int from, int to)
    {
        ReadOnlySpan<byte> bytes = block.Block.Span[from..to];
        return bytes.Contains((byte)0) || !Utf8.IsValid(bytes) || block.MixesLineEnds;
    }

    /// <summary>Parts the records that have a fault from the others.</summary>
    /// <param name="refused">Receives each that has one.</param>
    /// <returns>The others, or null where all are good.</returns>
    public static RecordBlock? Filter(CsvRecordReader block, int from, int to, CsvSource source, CsvDialect dialect,
        Action<UnconvertedRecord> refused)
    {
        var bounds = new List<RecordBounds>();
        block.BoundsOf(from, to, bounds);
        var good = new RecordBatch(to - from);
        bool isWhole = true;
        foreach (RecordBounds bound in bounds)
        {
            ReadOnlySpan<byte> record = block.Block.Span[from..bound.End];
            if (Of(record, block, from, bound.End) is { } fault)
            {
                isWhole = false;
                var row = new RefusedRow(source.Name, bound.Line, null, null, fault.SqlState, fault.Reason);
                refused(new UnconvertedRecord(block.Block[from..bound.End], row, fault.Advice));
            }
            else good.Add(record, bound.Line);
            from = bound.End;
        }
        return isWhole ? null : new RewrittenBlock(good.Bytes, good.Bounds, dialect, block.LineEnd == "CR" ? (byte)'\r' : (byte)'\n');
    }

    private static RecordFault? Of(ReadOnlySpan<byte> record, CsvRecordReader block, int start, int end)
    {
        if (record.Contains((byte)0))
        {
            return new RecordFault(PostgresErrorCodes.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\": 0x00",
                MappingErrors.ZeroByte);
        }
        if (!Utf8.IsValid(record))
        {
            return new RecordFault(PostgresErrorCodes.CharacterNotInRepertoire,
                $"invalid byte sequence for encoding \"UTF8\": {FirstInvalid(record)}", MappingErrors.NotUtf8);
        }
        if (!block.HasOtherLineEnd(start, end)) return null;
        string found = block.LineEnd == "CR" ? "a line feed (LF)"
            : block.LineEnd == "CRLF" && !record[..^1].Contains((byte)'\r') ? "LF alone"
            : "a carriage return (CR)";
        return new RecordFault(PostgresErrorCodes.BadCopyFileFormat,
            $"the line ends are mixed: {found} stands outside quotes, and the lines of the file end with {block.LineEnd}",
            MappingErrors.LineEndsMixed);
    }

    /// <summary>The first bytes that are no character, as PostgreSQL shows them.</summary>
    private static string FirstInvalid(ReadOnlySpan<byte> bytes)
    {
        int used = 0;
        while (System.Text.Rune.DecodeFromUtf8(bytes[used..], out _, out int length) == System.Buffers.OperationStatus.Done) used += length;
        int expected = bytes[used] switch { >= 0xF0 and < 0xF8 => 4, >= 0xE0 and < 0xF0 => 3, >= 0xC0 and < 0xE0 => 2, _ => 1 };
        ReadOnlySpan<byte> shown = bytes.Slice(used, Math.Min(expected, bytes.Length - used));
        return string.Join(' ', shown.ToArray().Select(b => string.Create(CultureInfo.InvariantCulture, $"0x{b:x2}")));
    }
}
