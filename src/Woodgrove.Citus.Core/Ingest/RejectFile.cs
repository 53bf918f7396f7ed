using System.Globalization;
using System.Text;
using CsvHelper;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest;

/// <summary>
/// The rejected records in the source's own dialect, header included, ready to be loaded once mended; beside it
/// <c>name.errors.csv</c> with the line, column, SQLSTATE and message of each.
/// </summary>
internal sealed class RejectFile : IAsyncDisposable
{
    private static readonly string[] ErrorColumns = ["line", "column", "sqlstate", "message"];

    private readonly FileStream _records;
    private readonly FileStream _errors;

    private RejectFile(FileStream records, FileStream errors) => (_records, _errors) = (records, errors);

    /// <param name="header">The source's header line, or empty.</param>
    /// <param name="keep">How many records an earlier run of the import has committed; what it wrote beyond them is cut off.</param>
    public static async Task<RejectFile> OpenAsync(string path, ReadOnlyMemory<byte> header, long keep, CsvDialect dialect, CancellationToken stop)
    {
        string errorPath = Path.ChangeExtension(path, ".errors.csv");
        long recordsEnd = keep > 0 ? await OffsetAfterAsync(path, keep + (header.IsEmpty ? 0 : 1), dialect, stop) : 0;
        long errorsEnd = keep > 0 ? await OffsetAfterAsync(errorPath, keep + 1, new CsvDialect(), stop) : 0;
        var file = new RejectFile(Open(path, recordsEnd), Open(errorPath, errorsEnd));
        if (recordsEnd == 0) await file._records.WriteAsync(header, stop);
        if (errorsEnd == 0) await file._errors.WriteAsync(Line(ErrorColumns), stop);
        return file;
    }

    /// <summary>Appends the records and makes sure that they are on disk: their batch is committed only after.</summary>
    public async Task AppendAsync(IReadOnlyList<RejectedRecord> rejected, CancellationToken stop)
    {
        foreach ((byte[] bytes, RefusedRow row) in rejected)
        {
            await _records.WriteAsync(bytes, stop);
            if (bytes[^1] is not ((byte)'\n' or (byte)'\r')) await _records.WriteAsync("\n"u8.ToArray(), stop);
            await _errors.WriteAsync(Line([row.Line?.ToString(CultureInfo.InvariantCulture), row.Column, row.SqlState, row.Reason]), stop);
        }
        _records.Flush(flushToDisk: true);
        _errors.Flush(flushToDisk: true);
    }

    public async ValueTask DisposeAsync()
    {
        await _records.DisposeAsync();
        await _errors.DisposeAsync();
    }

    private static FileStream Open(string path, long length)
    {
        var file = new FileStream(path, length == 0 ? FileMode.Create : FileMode.Open, FileAccess.Write, FileShare.Read);
        file.SetLength(length);
        file.Position = length;
        return file;
    }

    private static async Task<long> OffsetAfterAsync(string path, long records, CsvDialect dialect, CancellationToken stop)
    {
        if (!File.Exists(path)) return 0;
        await using CsvInput input = await CsvInput.OpenAsync(CsvSource.File(path), dialect, stop);
        var reader = new CsvRecordReader(input, dialect);
        while (await reader.ReadAsync(stop))
        {
            if (reader.RecordsBefore + reader.Count < records) continue;
            int end = 0;
            for (long i = reader.RecordsBefore; i < records; i++) end = reader.EndAfter(end);
            return reader.BytesBefore + end;
        }
        return reader.BytesBefore;
    }

    private static byte[] Line(string?[] fields)
    {
        var text = new StringWriter(CultureInfo.InvariantCulture);
        using (var csv = new CsvWriter(text, CultureInfo.InvariantCulture))
        {
            foreach (string? field in fields) csv.WriteField(field);
            csv.NextRecord();
        }
        return Encoding.UTF8.GetBytes(text.ToString());
    }
}
