using System.Globalization;
using System.Text;
using CsvHelper;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Files;

namespace Woodgrove.Citus.Ingest.Rejects;

/// <summary>
/// The rejected records in the source's own dialect, header included, ready to be loaded once fixed; beside it
/// <c>name.errors.csv</c> with the line, column, SQLSTATE and message of each. A pipe or a device is given the records
/// alone: beside it there is no place for a second file.
/// </summary>
internal sealed class RejectFile : IAsyncDisposable
{
    private static readonly string[] ErrorColumns = ["line", "column", "sqlstate", "message"];

    private readonly FileStream _records;
    private readonly FileStream? _errors;
    private byte[] _lineEnd = "\n"u8.ToArray();

    private RejectFile(FileStream records, FileStream? errors) => (_records, _errors) = (records, errors);

    /// <summary>Where the reasons go.</summary>
    public static string ErrorPath(string path) => Path.ChangeExtension(path, ".errors.csv");

    /// <summary>Whether a file was written by an earlier run, by the file of reasons beside it, or is such a file.</summary>
    public static bool WasWritten(string path) => HasErrorColumns(path) || (ErrorPath(path) != path && HasErrorColumns(ErrorPath(path)));

    /// <summary>
    /// Refuses a file for refused rows that is one of the sources, or whose file of reasons is: writing would destroy
    /// it.
    /// </summary>
    /// <exception cref="CitusException">It is, by whatever name or link.</exception>
    public static void RefuseSources(string path, IEnumerable<CsvSource> sources)
    {
        if (OutputFile.IsStream(path)) return;
        string[] existing = [.. new[] { path, ErrorPath(path) }.Where(p => FileEntry.Of(p).Kind != FileKind.Nothing)];
        if (existing.Length == 0) return;
        foreach (CsvSource source in sources)
        {
            if (source.FilePath is not { } file) continue;
            foreach (string written in existing)
            {
                if (!FileEntry.IsSame(written, file)) continue;
                throw RejectErrors.PathIsSource(written, source);
            }
        }
    }

    private static bool HasErrorColumns(string path)
    {
        if (!path.EndsWith(".errors.csv", StringComparison.OrdinalIgnoreCase) || FileEntry.Of(path).Kind != FileKind.Regular) return false;
        byte[] line = Line(ErrorColumns), start = new byte[line.Length];
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        return file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length && start.AsSpan().SequenceEqual(line);
    }

    /// <param name="header">The source's header line, or empty.</param>
    /// <param name="keep">How many records an earlier run of the import has committed; what it wrote beyond them is cut off.</param>
    public static async Task<RejectFile> OpenAsync(string path, ReadOnlyMemory<byte> header, long keep, CsvDialect dialect,
        CancellationToken stop)
    {
        if (OutputFile.IsStream(path))
        {
            // Opening a pipe waits for its reader.
            var stream = new RejectFile(await Task.Run(() => OutputFile.OpenStream(path), CancellationToken.None).WaitAsync(stop), null);
            if (keep == 0) await stream._records.WriteAsync(header, stop);
            return stream;
        }
        string errorPath = ErrorPath(path);
        long recordsEnd = keep > 0 ? OffsetAfter(path, keep + (header.IsEmpty ? 0 : 1), dialect) : 0;
        long errorsEnd = keep > 0 ? OffsetAfter(errorPath, keep + 1, new CsvDialect()) : 0;
        var file = new RejectFile(Open(path, recordsEnd), Open(errorPath, errorsEnd));
        if (recordsEnd == 0) await file._records.WriteAsync(header, stop);
        if (header.Span.EndsWith("\r\n"u8)) file._lineEnd = "\r\n"u8.ToArray();
        if (errorsEnd == 0) await file._errors!.WriteAsync(Line(ErrorColumns), stop);
        return file;
    }

    /// <summary>Appends the records and makes sure that they are on disk: their batch is committed only after.</summary>
    public async Task AppendAsync(IReadOnlyList<RejectedRecord> rejected, CancellationToken stop)
    {
        using MemoryStream records = new(), errors = new();
        foreach ((byte[] bytes, RefusedRow row) in rejected)
        {
            records.Write(bytes);
            // A file's last record may lack its line end; that of the others is needed, or the file could not be loaded.
            int text = FieldText.TrimLineEnd(bytes).Length;
            if (text < bytes.Length) _lineEnd = bytes[text..];
            else records.Write(_lineEnd);
            errors.Write(Line([row.Line?.ToString(CultureInfo.InvariantCulture), row.Column, row.SqlState, row.Reason]));
        }
        await _records.WriteAsync(records.GetBuffer().AsMemory(0, (int)records.Length), stop);
        if (_errors is null) return;
        await _errors.WriteAsync(errors.GetBuffer().AsMemory(0, (int)errors.Length), stop);
        _records.Flush(flushToDisk: true);
        _errors.Flush(flushToDisk: true);
    }

    public async ValueTask DisposeAsync()
    {
        await _records.DisposeAsync();
        if (_errors is not null) await _errors.DisposeAsync();
    }

    private static FileStream Open(string path, long length)
    {
        // Without a buffer, which on a full disk would fail a second time when the file is closed.
        var file = new FileStream(path, length == 0 ? FileMode.Create : FileMode.Open, FileAccess.Write, FileShare.Read, bufferSize: 0);
        file.SetLength(length);
        file.Position = length;
        return file;
    }

    /// <summary>Where so many records end; behind them may be what a killed run, or a full disk, cut off in the midst.</summary>
    private static long OffsetAfter(string path, long records, CsvDialect dialect)
    {
        if (!File.Exists(path)) return 0;
        using var bytes = new BufferedStream(File.OpenRead(path), 64 * 1024);
        bool inQuotes = false, escaped = false;
        for (int previous = 0, b; records > 0 && (b = bytes.ReadByte()) >= 0; previous = b)
        {
            if (previous == '\r' && b != '\n' && !inQuotes && --records == 0) return bytes.Position - 1;
            if (b == '\n' && !inQuotes) records--;
            // A doubled quote closes and opens; another escape character hides what is behind it.
            if (b == dialect.QuoteByte && !escaped) inQuotes = !inQuotes;
            escaped = inQuotes && !escaped && b == dialect.EscapeByte && b != dialect.QuoteByte;
        }
        return bytes.Position;
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
