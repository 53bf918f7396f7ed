using System.IO.Compression;
using ZstdSharp;

namespace Woodgrove.Citus.Ingest;

/// <summary>Undoes gzip and zstd, told by the content's first bytes and not by a name.</summary>
internal static class Compression
{
    public static async Task<Stream> UndoAsync(Stream raw, CancellationToken stop)
    {
        byte[] start = new byte[4];
        int count = await raw.ReadAtLeastAsync(start, 4, throwOnEndOfStream: false, stop);
        var whole = new PrefixedStream(start[..count], raw);
        return start.AsSpan(0, count) switch
        {
            [0x1F, 0x8B, ..] => new GZipStream(whole, CompressionMode.Decompress),
            [0x28, 0xB5, 0x2F, 0xFD] => new DecompressionStream(whole, leaveOpen: false),
            _ => whole,
        };
    }
}
