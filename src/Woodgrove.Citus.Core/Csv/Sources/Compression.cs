namespace Woodgrove.Citus.Csv.Sources;

/// <summary>Decompresses gzip and zstd, recognized by the content's first bytes and not by a name.</summary>
internal static class Compression
{
    /// <returns>The decompressed content, which proves its end; null where the content is not compressed.</returns>
    public static Stream? Undo(ReadOnlySpan<byte> start, Stream whole) => start switch
    {
        [0x1F, 0x8B, ..] => new GzipReader(whole),
        _ when IsCompressed(start) => new ZstdReader(whole),
        _ => null,
    };

    /// <summary>Whether the content begins as gzip or zstd does; a zstd file may begin with a frame to be skipped.</summary>
    public static bool IsCompressed(ReadOnlySpan<byte> start) =>
        start is [0x1F, 0x8B, ..] or [0x28, 0xB5, 0x2F, 0xFD, ..] or [>= 0x50 and <= 0x5F, 0x2A, 0x4D, 0x18, ..];

    /// <summary>Whether gzip or zstd was cut within its signature, whose bytes may pass for text.</summary>
    public static bool IsCutSignature(ReadOnlySpan<byte> whole) => whole is [0x1F] or [0x28] or [0x28, 0xB5] or [0x28, 0xB5, 0x2F];
}
