using System.IO.Compression;
using System.Text;

namespace Woodgrove.Citus.Core.Tests.Sources;

/// <summary>Makes compressed data.</summary>
internal static class Archives
{
    public static byte[] Rows(int count) =>
        Encoding.UTF8.GetBytes("id,note\n" + string.Concat(Enumerable.Range(1, count).Select(i => $"{i},text {i * 2654435761 % 1000003} "
            + $"of row {i}\n")));

    public static byte[] Gzip(params byte[][] members)
    {
        using var all = new MemoryStream();
        foreach (byte[] member in members)
        {
            using var gzip = new GZipStream(all, CompressionLevel.Optimal, leaveOpen: true);
            gzip.Write(member);
        }
        return all.ToArray();
    }

    public static byte[] Zstd(byte[] content, bool withChecksum = true)
    {
        using var compressor = new ZstdSharp.Compressor(3);
        compressor.SetParameter(ZstdSharp.Unsafe.ZSTD_cParameter.ZSTD_c_checksumFlag, withChecksum ? 1 : 0);
        return compressor.Wrap(content).ToArray();
    }

    /// <summary>A copy that is cut, or has bytes flipped, repeated or swapped, at a random place.</summary>
    /// <param name="kind">Which of these four, from 0; one by chance if it is left out.</param>
    public static (byte[] Bytes, string What) Damage(byte[] whole, Random random, int? kind = null)
    {
        byte[] bytes = [.. whole];
        (int at, int length) = (random.Next(bytes.Length), random.Next(1, 64));
        int end = Math.Min(at + length, bytes.Length);
        switch (kind ?? random.Next(4))
        {
            case 0: return (bytes[..at], $"cut at {at} of {bytes.Length}");
            case 1:
                bytes[at] ^= (byte)(1 << random.Next(8));
                return (bytes, $"bit flipped at {at} of {bytes.Length}");
            case 2: return ([.. bytes[..end], .. bytes[at..]], $"{end - at} bytes repeated at {at} of {bytes.Length}");
            default:
                int other = random.Next(bytes.Length);
                (bytes[at], bytes[other]) = (bytes[other], bytes[at]);
                return (bytes, $"bytes swapped at {at} and {other} of {bytes.Length}");
        }
    }
}
