using Woodgrove.Citus.Files;
using ZstdSharp;

namespace Woodgrove.Citus.Csv.Sources;

/// <summary>
/// Decompresses zstd and proves it whole: each frame must end, with its checksum where its writer gave it one, and
/// nothing but further frames may follow.
/// </summary>
internal sealed class ZstdReader : ReadOnlyStream
{
    private readonly CountingStream _raw;
    private readonly DecompressionStream _frames;

    public ZstdReader(Stream raw)
    {
        _raw = new CountingStream(raw);
        _frames = new DecompressionStream(_raw, leaveOpen: false);
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            return await _frames.ReadAsync(buffer, cancellationToken);
        }
        catch (ZstdException e)
        {
            throw new DamagedDataException(_raw.Count, $"the zstd data is invalid ({e.Message.TrimEnd('.')})", e);
        }
        catch (EndOfStreamException e)
        {
            throw new DamagedDataException(_raw.Count, "the data ends before the compressed content does, so the file is cut off", e);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _frames.Dispose();
        base.Dispose(disposing);
    }
}
