using Woodgrove.Citus.Files;

namespace Woodgrove.Citus.Csv.Sources;

/// <summary>A file. What a pipe or a device gives can be read only once, and is kept for further readings.</summary>
internal sealed record FileSource(string Path) : CsvSource(Path)
{
    private SpooledSource? _stream;

    internal override string? FilePath => Path;

    internal override Task<OpenedSource> OpenAsync(CancellationToken stop)
    {
        if (Directory.Exists(Path) || !System.IO.File.Exists(Path)) throw SourceErrors.NoFile(Path);
        if (_stream is not null || FileEntry.Of(Path).Kind == FileKind.Stream)
        {
            _stream ??= new SpooledSource(Path,
                () => new FileStream(Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0));
            return _stream.OpenAsync(stop);
        }
        var file = new DirectFile(Path);
        return Task.FromResult(new OpenedSource(file) { Length = file.Length });
    }

    /// <summary>
    /// A file read by the thread that asks. The import is off the pipeline thread already, and a read ahead by the
    /// system is over sooner than another thread would have woken for it.
    /// </summary>
    private sealed class DirectFile(string path) : FileStream(path, new FileStreamOptions
    {
        // Reads are as large as the import's own buffer, so a second buffer would only copy.
        BufferSize = 0, Options = FileOptions.SequentialScan, Share = FileShare.ReadWrite,
    })
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            cancellationToken.IsCancellationRequested ? ValueTask.FromCanceled<int>(cancellationToken)
                : ValueTask.FromResult(Read(buffer.Span));
    }
}
