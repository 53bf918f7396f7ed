using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Csv.Sources;

namespace Woodgrove.Citus.Ingest.Mapping;

/// <summary>A CSV that can be read more than once, and what is made of its records on the way.</summary>
/// <param name="Converter">Null where the records go as they stand.</param>
internal sealed record CsvFile(CsvSource Source, CsvDialect Dialect, RecordConverter? Converter = null)
{
    public Task<CsvInput> OpenAsync(CancellationToken stop) => CsvInput.OpenAsync(Source, Dialect, stop);

    /// <summary>Where the block's first row begins: after the header, if it is in this block.</summary>
    public int FirstRow(CsvRecordReader reader) => Dialect.HasHeader && reader.BytesBefore == 0 ? reader.EndAfter(0) : 0;

    /// <summary>The rows of a block, between two offsets of it, as they are sent.</summary>
    /// <param name="refused">Receives the records that no server would take, or that can't be converted.</param>
    public (RecordBlock Rows, int From, int To) Rows(CsvRecordReader reader, int from, int to, Action<UnconvertedRecord> refused)
    {
        RecordBlock rows = reader;
        if (RecordFault.IsIn(reader, from, to) && RecordFault.Filter(reader, from, to, Source, Dialect, refused) is { } others)
            (rows, from, to) = (others, 0, others.Block.Length);
        if (Converter is null) return (rows, from, to);
        RecordBlock converted = Converter.Convert(rows, from, to, refused);
        return (converted, 0, converted.Block.Length);
    }
}
