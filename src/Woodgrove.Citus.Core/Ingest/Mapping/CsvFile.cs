using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Csv.Sources;

namespace Woodgrove.Citus.Ingest.Mapping;

/// <summary>A CSV that can be read more than once, and what is made of its records on the way.</summary>
/// <param name="Converter">Null where the records go as they stand.</param>
/// <param name="DotEndsData">True where the server takes a line <c>\.</c> for the end.</param>
internal sealed record CsvFile(CsvSource Source, CsvDialect Dialect, RecordConverter? Converter = null, bool DotEndsData = false)
{
    /// <summary>Opens the source at its beginning. The caller owns the cursor.</summary>
    public async Task<SourceCursor> OpenAsync(CancellationToken stop) =>
        new(this, await CsvInput.OpenAsync(Source, Dialect, stop));
}
