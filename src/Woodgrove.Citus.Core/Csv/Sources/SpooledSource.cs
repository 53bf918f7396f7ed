using Woodgrove.Citus.Files;

namespace Woodgrove.Citus.Csv.Sources;

/// <summary>
/// What can be read only once, such as standard input or a pipe, made readable again: whatever has been read of it is
/// kept in a temporary file, which no other program sees and which is gone when this one ends.
/// </summary>
/// <param name="Open">Opens the stream; it may wait, as a pipe does for its writer.</param>
internal sealed record SpooledSource(string What, Func<Stream> Open) : CsvSource(What)
{
    private readonly Spool _spool = new(Open);

    /// <summary>The file that is piped to this process, where it is one.</summary>
    internal override string? FilePath =>
        OperatingSystem.IsWindows() || FileEntry.Of("/dev/stdin").Kind != FileKind.Regular ? null : "/dev/stdin";

    internal override Task<OpenedSource> OpenAsync(CancellationToken stop) => Task.FromResult(new OpenedSource(new Reader(_spool)));

    private sealed class Spool(Func<Stream> open)
    {
        private readonly SemaphoreSlim _gate = new(1);
        private readonly byte[] _read = new byte[256 * 1024];
        private FileStream? _kept;
        private Stream? _once;
        private Task<int>? _reading; // goes on where its reader was stopped: pipes have no way to end a read
        private bool _ended;

        public async ValueTask<int> ReadAsync(long at, Memory<byte> buffer, CancellationToken stop)
        {
            await _gate.WaitAsync(stop);
            try
            {
                _kept ??= Create();
                int count = await RandomAccess.ReadAsync(_kept.SafeFileHandle, buffer, at, stop);
                if (count > 0 || _ended) return count;
                _reading ??= Task.Run(() => (_once ??= open()).Read(_read), CancellationToken.None);
                count = await _reading.WaitAsync(stop);
                _reading = null;
                _ended = count == 0;
                if (_ended) await _once!.DisposeAsync(); // a pipe's next writer waits for another reader
                await RandomAccess.WriteAsync(_kept.SafeFileHandle, _read.AsMemory(0, count), at, stop);
                count = Math.Min(count, buffer.Length);
                _read.AsMemory(0, count).CopyTo(buffer);
                return count;
            }
            finally
            {
                _gate.Release();
            }
        }

        private static FileStream Create()
        {
            string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Share = FileShare.Delete,
                BufferSize = 0 };
            if (OperatingSystem.IsWindows()) options.Options = FileOptions.DeleteOnClose;
            else options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            var file = new FileStream(path, options);
            // the open file stays until it is closed, however this process ends
            if (!OperatingSystem.IsWindows()) System.IO.File.Delete(path);
            return file;
        }
    }

    private sealed class Reader(Spool spool) : ReadOnlyStream
    {
        private long _at;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int count = await spool.ReadAsync(_at, buffer, cancellationToken);
            _at += count;
            return count;
        }
    }
}
