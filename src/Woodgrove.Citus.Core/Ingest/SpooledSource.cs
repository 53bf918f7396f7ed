namespace Woodgrove.Citus.Ingest;

/// <summary>
/// What can be read only once, such as standard input, made readable again: whatever has been read of it is kept in
/// a temporary file, which no other program sees and which is gone when this one ends.
/// </summary>
internal sealed record SpooledSource(string What, Func<Stream> Open) : CsvSource(What)
{
    private readonly Lazy<Spool> _spool = new(() => new Spool(Open()));

    internal override Task<(Stream Content, long? Length)> OpenAsync(CancellationToken stop) => Task.FromResult<(Stream, long?)>((new Reader(_spool.Value), null));

    private sealed class Spool(Stream once)
    {
        private readonly SemaphoreSlim _gate = new(1);
        private readonly FileStream _kept = Create();
        private bool _ended;

        public async ValueTask<int> ReadAsync(long at, Memory<byte> buffer, CancellationToken stop)
        {
            await _gate.WaitAsync(stop);
            try
            {
                int count = await RandomAccess.ReadAsync(_kept.SafeFileHandle, buffer, at, stop);
                if (count > 0 || _ended) return count;
                count = await once.ReadAsync(buffer, stop);
                _ended = count == 0;
                await RandomAccess.WriteAsync(_kept.SafeFileHandle, buffer[..count], at, stop);
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
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Share = FileShare.Delete, BufferSize = 0 };
            if (OperatingSystem.IsWindows()) options.Options = FileOptions.DeleteOnClose;
            else options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            var file = new FileStream(path, options);
            if (!OperatingSystem.IsWindows()) System.IO.File.Delete(path); // the open file stays until it is closed, however this process ends
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
