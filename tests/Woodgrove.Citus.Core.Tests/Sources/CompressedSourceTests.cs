using System.Text;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Core.Tests.Sources;

/// <summary>Compressed sources prove that they are whole.</summary>
public sealed class CompressedSourceTests
{
    private static readonly byte[] Plain = Archives.Rows(300);

    [Fact]
    public async Task Gzip_that_is_cut_off_anywhere_is_refused()
    {
        byte[] whole = Archives.Gzip(Plain);
        Assert.Equal(Plain, await SourceReading.ReadAllAsync(whole, "f.csv.gz"));
        for (int length = 3; length < whole.Length; length++) await RefusedAsync(whole[..length], "f.csv.gz");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Zstd_that_is_cut_off_anywhere_is_refused(bool withChecksum)
    {
        byte[] whole = Archives.Zstd(Plain, withChecksum);
        Assert.Equal(Plain, await SourceReading.ReadAllAsync(whole, "f.csv.zst"));
        for (int length = 4; length < whole.Length; length++) await RefusedAsync(whole[..length], "f.csv.zst");
    }

    [Fact]
    public async Task Several_members_are_one_content_whatever_their_sizes()
    {
        var random = new Random(12);
        for (int round = 0; round < 30; round++)
        {
            byte[] all = Archives.Rows(20_000);
            int[] cuts = [0, .. Enumerable.Range(0, random.Next(40)).Select(_ => random.Next(all.Length)).Order(), all.Length];
            byte[][] members = [.. cuts.Zip(cuts.Skip(1)).Select(c => all[c.First..c.Second]), []];
            if (round % 2 == 0) random.Shuffle(members);
            byte[] joined = [.. members.SelectMany(m => m)];
            Assert.Equal(joined, await SourceReading.ReadAllAsync(Archives.Gzip(members), "f.csv.gz"));
            byte[] frames = [.. members.SelectMany(m => Archives.Zstd(m))];
            Assert.Equal(joined, await SourceReading.ReadAllAsync(frames, "f.csv.zst"));
        }
    }

    [Fact]
    public async Task A_member_after_the_first_that_is_cut_off_is_refused()
    {
        (byte[] first, byte[] second) = (Archives.Gzip(Plain), Archives.Gzip(Plain));
        for (int length = 1; length < second.Length; length += 7) await RefusedAsync([.. first, .. second[..length]], "f.csv.gz");
        (first, second) = (Archives.Zstd(Plain), Archives.Zstd(Plain));
        for (int length = 1; length < second.Length; length += 7) await RefusedAsync([.. first, .. second[..length]], "f.csv.zst");
    }

    [Fact]
    public async Task Zeros_may_pad_gzip_and_nothing_else_may_follow()
    {
        byte[] whole = Archives.Gzip(Plain);
        Assert.Equal(Plain, await SourceReading.ReadAllAsync([.. whole, .. new byte[200_000]], "f.csv.gz"));
        Assert.Equal(Plain, await SourceReading.ReadAllAsync([.. Archives.Gzip(Plain, []), 0], "f.csv.gz"));
        await RefusedAsync([.. whole, (byte)'x'], "f.csv.gz");
        await RefusedAsync([.. whole, 0, 0, (byte)'x'], "f.csv.gz");
        await RefusedAsync([.. whole, 0x1F], "f.csv.gz");
        await RefusedAsync([.. whole, .. "id,note\n1,a\n"u8], "f.csv.gz");
        byte[] frame = Archives.Zstd(Plain);
        for (int count = 1; count < 6; count++) await RefusedAsync([.. frame, .. Enumerable.Repeat((byte)'x', count)], "f.csv.zst");
    }

    [Fact]
    public async Task Zstd_frames_that_are_to_be_skipped_are_skipped()
    {
        byte[] skipped = [0x52, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3];
        Assert.Equal(Plain, await SourceReading.ReadAllAsync([.. skipped, .. Archives.Zstd(Plain), .. skipped], "f.csv.zst"));
        await RefusedAsync([.. Archives.Zstd(Plain), .. skipped[..^1]], "f.csv.zst");
    }

    [Fact]
    public async Task Gzip_headers_with_all_their_parts_are_read_and_a_wrong_header_checksum_is_refused()
    {
        byte[] whole = Archives.Gzip(Plain);
        byte[] header = [0x1F, 0x8B, 8, 2 | 4 | 8 | 16, 1, 2, 3, 4, 0, 3, 5, 0, 1, 2, 3, 4, 5, .. "name.csv\0"u8, .. "a comment\0"u8];
        ushort crc = (ushort)System.IO.Hashing.Crc32.HashToUInt32(header);
        byte[] rest = whole[10..];
        Assert.Equal(Plain, await SourceReading.ReadAllAsync([.. header, (byte)crc, (byte)(crc >> 8), .. rest], "f.csv.gz"));
        await RefusedAsync([.. header, (byte)(crc ^ 1), (byte)(crc >> 8), .. rest], "f.csv.gz");
    }

    [Fact]
    public async Task The_error_says_at_which_byte()
    {
        byte[] whole = Archives.Gzip(Archives.Rows(50_000));
        CitusException refused = await RefusedAsync(whole[..100_000], "f.csv.gz");
        Assert.Contains("damaged at byte 100000", refused.What, StringComparison.Ordinal);
        Assert.Contains("cut off", refused.What, StringComparison.Ordinal);
        byte[] wrong = [.. whole];
        wrong[^8] ^= 1;
        Assert.Contains("checksum", (await RefusedAsync(wrong, "f.csv.gz")).What, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(".gz")]
    [InlineData(".zst")]
    public async Task Damaged_at_500_places_the_content_is_exact_or_refused(string ending)
    {
        int seed = Environment.TickCount;
        TestContext.Current.TestOutputHelper!.WriteLine($"seed {seed}");
        var random = new Random(seed);
        byte[] plain = Archives.Rows(3000);
        byte[] whole = ending == ".gz" ? Archives.Gzip(plain[..30_000], plain[30_000..])
            : [.. Archives.Zstd(plain[..30_000]), .. Archives.Zstd(plain[30_000..])];
        int refusals = 0;
        for (int round = 0; round < 500; round++)
        {
            (byte[] bytes, string what) = Archives.Damage(whole, random);
            try
            {
                byte[] read = await SourceReading.ReadAllAsync(bytes, "f.csv" + ending);
                Assert.True(plain.AsSpan().SequenceEqual(read), $"{what}: other content, and no error");
            }
            catch (CitusException e)
            {
                Assert.True(e.ErrorId is "CitusInvalidCompression" or "CitusCsvEmpty", $"{what}: {e.ErrorId}: {e.Message}");
                refusals++;
            }
        }
        TestContext.Current.TestOutputHelper!.WriteLine($"{refusals} refused");
        Assert.InRange(refusals, 350, 500);
    }

    [Fact]
    public async Task Cut_within_its_first_bytes_it_is_no_text()
    {
        for (int length = 1; length <= 4; length++)
        {
            await RefusedAsync(Archives.Gzip(Plain)[..length], "f.csv.gz");
            await RefusedAsync(Archives.Zstd(Plain)[..length], "f.csv.zst");
            await RefusedAsync(Archives.Zstd(Plain)[..length], "f.csv.zst", new CsvDialect { Encoding = Encoding.Latin1 });
        }
    }

    [Fact]
    public async Task What_is_named_as_compressed_and_is_text_is_read_as_text()
    {
        Assert.Equal(Plain, await SourceReading.ReadAllAsync(Plain, "f.csv.gz"));
        byte[] latin = "id,note\n1,caf\u00E9\n"u8.ToArray();
        Assert.Equal(latin, await SourceReading.ReadAllAsync(latin, "f.csv.zst"));
    }

    private static async Task<CitusException> RefusedAsync(byte[] bytes, string name, CsvDialect? dialect = null)
    {
        CitusException refused = await Assert.ThrowsAsync<CitusException>(() => SourceReading.ReadAllAsync(bytes, name, dialect));
        Assert.True(refused.ErrorId == "CitusInvalidCompression", $"{bytes.Length} bytes: {refused.ErrorId}: {refused.Message}");
        return refused;
    }
}
