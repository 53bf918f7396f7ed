using System.Diagnostics;
using System.Globalization;
using System.Text;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Core.Tests.Sources;

/// <summary>A web server's answers are checked: what is read is exactly its content, or an error.</summary>
public sealed class WebSourceTests
{
    private const string Version = "ETag: \"1\"";
    private static readonly byte[] Content = Archives.Rows(20_000);
    private static readonly byte[] Other = Archives.Rows(21_000)[^Content.Length..];
    private static readonly int Half = Content.Length / 2;

    [Fact]
    public async Task A_cut_connection_is_continued_with_a_range_of_the_same_version()
    {
        using var server = new RawWebServer(r => r.From is { } from
            ? WebAnswer.Of("206 Partial Content", Content[from..], Version,
                $"Content-Range: bytes {from}-{Content.Length - 1}/{Content.Length}")
            : WebAnswer.Of("200 OK", Content, Version).CutAfter(Half));

        Assert.Equal(Content, await ReadAsync(server));

        Assert.Equal(2, server.Requests.Count);
        Assert.Equal(("\"1\"", (int?)Half), (server.Requests.Last().Header("If-Range"), server.Requests.Last().From));
    }

    public static TheoryData<string, int, int, int?, string?> WrongRanges => new()
    {
        { "begins before", -4096, 0, null, Version },
        { "begins behind", 1000, 0, null, Version },
        { "ends early", 0, -10, null, Version },
        { "has no version", 0, 0, null, null },
        { "has another version", 0, 0, null, "ETag: \"2\"" },
        { "has another total", 0, 0, 17, Version },
    };

    [Theory]
    [MemberData(nameof(WrongRanges))]
    public async Task A_range_that_is_not_what_was_asked_for_is_not_used(string what, int fromShift, int toShift, int? totalShift,
        string? version)
    {
        using var server = new RawWebServer(r =>
        {
            if (r.Number == 1) return WebAnswer.Of("200 OK", Content, Version).CutAfter(Half);
            if (r.From is null) return WebAnswer.Of("200 OK", Content, Version);
            (int from, int to) = (r.From.Value + fromShift, Content.Length - 1 + toShift);
            string range = string.Create(CultureInfo.InvariantCulture,
                $"Content-Range: bytes {from}-{to}/{Content.Length + (totalShift ?? 0)}");
            byte[] content = version == Version ? Content : Other;
            return WebAnswer.Of("206 Partial Content", content[from..(to + 1)], version is null ? [range] : [range, version]);
        });

        byte[] read = await ReadAsync(server);
        Assert.True(Content.AsSpan().SequenceEqual(read), what);
        Assert.Equal(3, server.Requests.Count); // the wrong range was asked for, and then all
    }

    [Theory]
    [InlineData("200 OK")]
    [InlineData("416 Range Not Satisfiable")]
    public async Task Without_a_range_all_is_read_again_and_what_was_read_before_is_compared(string status)
    {
        foreach (bool changed in new[] { false, true })
        {
            byte[] second = changed ? [.. Content[..100], (byte)'!', .. Content[101..]] : Content;
            using var server = new RawWebServer(r => r.Number == 1 ? WebAnswer.Of("200 OK", Content, Version).CutAfter(Half)
                : r.From is not null && status[0] == '4' ? WebAnswer.Of(status, [], $"Content-Range: bytes */{Content.Length}")
                : WebAnswer.Of("200 OK", second, Version));
            if (!changed) Assert.Equal(Content, await ReadAsync(server));
            else Assert.Contains("first", (await FailsAsync(server, "CitusSourceChanged")).What, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("ETag: W/\"1\"")]
    public async Task Without_a_strong_version_no_range_is_asked_for_and_two_versions_are_never_spliced(string? version)
    {
        string[] headers = version is null ? [] : [version];
        using (var same = new RawWebServer(r => r.Number == 1 ? WebAnswer.Of("200 OK", Content, headers).CutAfter(Half)
            : WebAnswer.Of("200 OK", Content, headers)))
        {
            Assert.Equal(Content, await ReadAsync(same));
            Assert.All(same.Requests, r => Assert.Null(r.From));
        }
        using var other = new RawWebServer(r => r.Number == 1 ? WebAnswer.Of("200 OK", Content, headers).CutAfter(Half)
            : WebAnswer.Of("200 OK", Other, headers));
        await FailsAsync(other, "CitusSourceChanged");
    }

    [Fact]
    public async Task Another_length_or_version_is_another_content()
    {
        using var longer = new RawWebServer(r => r.Number == 1 ? WebAnswer.Of("200 OK", Content).CutAfter(Half)
            : WebAnswer.Of("200 OK", [.. Content, .. "1,more\n"u8]));
        await FailsAsync(longer, "CitusSourceChanged");
        using var newer = new RawWebServer(r => r.Number == 1 ? WebAnswer.Of("200 OK", Content, Version).CutAfter(Half)
            : WebAnswer.Of("200 OK", Content, "ETag: \"2\""));
        await FailsAsync(newer, "CitusSourceChanged");
    }

    [Fact]
    public async Task A_second_reading_of_the_same_source_must_give_the_same()
    {
        int opened = 0;
        using var server = new RawWebServer(_ => WebAnswer.Of("200 OK", ++opened == 1 ? Content : Other));
        CsvSource source = CsvSource.Web(server.Address);
        Assert.Equal(Content, await SourceReading.ReadAllAsync(source));
        CitusException changed = await Assert.ThrowsAsync<CitusException>(() => SourceReading.ReadAllAsync(source));
        Assert.Equal("CitusSourceChanged", changed.ErrorId);
    }

    [Fact]
    public async Task A_body_shorter_than_its_length_is_an_error_once_it_has_been_tried_again()
    {
        using var server = new RawWebServer(_ => WebAnswer.Of("200 OK", Content).CutAfter(Half));
        CitusException failed = await FailsAsync(server, "CitusDownloadFailed");
        Assert.Contains($"was interrupted at byte {Half}", failed.What, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Chunks_must_end_with_their_last_one()
    {
        byte[] chunks = [.. Encoding.ASCII.GetBytes($"{Content.Length:x}\r\n"), .. Content, .. "\r\n0\r\n\r\n"u8];
        using (var whole = new RawWebServer(_ => WebAnswer.Of("200 OK", chunks, "Transfer-Encoding: chunked")))
            Assert.Equal(Content, await ReadAsync(whole));
        using var cut = new RawWebServer(_ => WebAnswer.Of("200 OK", chunks[..^5], "Transfer-Encoding: chunked"));
        await FailsAsync(cut, "CitusDownloadFailed");
    }

    [Fact]
    public async Task A_body_without_length_or_chunks_is_taken_only_where_its_compression_proves_it_whole()
    {
        using (var plain = new RawWebServer(_ => WebAnswer.Of("200 OK", Content, "")))
            Assert.Contains("neither a length nor chunks", (await FailsAsync(plain, "CitusDownloadFailed")).What, StringComparison.Ordinal);
        using (var gzip = new RawWebServer(_ => WebAnswer.Of("200 OK", Archives.Gzip(Content), "")))
            Assert.Equal(Content, await ReadAsync(gzip));
        using var cut = new RawWebServer(_ => WebAnswer.Of("200 OK", Archives.Gzip(Content)[..20_000], ""));
        await FailsAsync(cut, "CitusInvalidCompression");
    }

    [Theory]
    [InlineData("500 Internal Server Error")]
    [InlineData("502 Bad Gateway")]
    [InlineData("503 Service Unavailable")]
    [InlineData("504 Gateway Timeout")]
    [InlineData("408 Request Timeout")]
    [InlineData("429 Too Many Requests")]
    public async Task A_server_that_is_busy_once_is_asked_again(string status)
    {
        using var server = new RawWebServer(r => r.Number == 1 ? WebAnswer.Of(status, "oops"u8.ToArray(), "Retry-After: 1")
            : WebAnswer.Of("200 OK", Content));
        var clock = Stopwatch.StartNew();
        Assert.Equal(Content, await ReadAsync(server));
        Assert.Equal(2, server.Requests.Count);
        Assert.InRange(clock.Elapsed.TotalSeconds, 0.9, 10);
    }

    [Fact]
    public async Task A_server_that_stays_busy_ends_the_reading_and_a_long_wait_is_not_waited_for()
    {
        using (var busy = new RawWebServer(_ => WebAnswer.Of("503 Service Unavailable", [])))
        {
            Assert.Contains("503", (await FailsAsync(busy, "CitusDownloadFailed")).What, StringComparison.Ordinal);
            Assert.Equal(5, busy.Requests.Count);
        }
        using var later = new RawWebServer(_ => WebAnswer.Of("503 Service Unavailable", [], "Retry-After: 3600"));
        Assert.Contains("3600 s", (await FailsAsync(later, "CitusDownloadFailed")).What, StringComparison.Ordinal);
        Assert.Single(later.Requests);
    }

    [Theory]
    [InlineData("403 Forbidden", "<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code><Message>Server failed to authenticate "
        + "the request.\nRequestId:1</Message><AuthenticationErrorDetail>Signature not valid in the specified time frame: "
        + "Expiry [Wed]</AuthenticationErrorDetail></Error>",
        "(AuthenticationFailed: Server failed to authenticate the request. Signature not valid in the specified time frame: Expiry [Wed])")]
    [InlineData("404 Not Found", "\uFEFF<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>BlobNotFound</Code><Message>The specified "
        + "blob does not exist.</Message></Error>", "404 Not Found (BlobNotFound: The specified blob does not exist)")]
    [InlineData("401 Unauthorized", "<html>sign in</html>", "401 Unauthorized")]
    [InlineData("403 Forbidden",
        "<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code><Message>No.</Message><AuthenticationErrorDetail>Signature did "
            + "not match. String to sign used was secret</AuthenticationErrorDetail></Error>", "(AuthenticationFailed: No)")]
    public async Task A_refusal_is_told_at_once_with_the_servers_reason(string status, string body, string told)
    {
        using var server = new RawWebServer(_ => WebAnswer.Of(status, Encoding.UTF8.GetBytes(body), "Content-Type: application/xml"));
        CitusException failed = await FailsAsync(server, "CitusDownloadFailed");
        Assert.Contains(told, failed.What, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", failed.Message, StringComparison.Ordinal);
        Assert.Single(server.Requests);
    }

    [Theory]
    [InlineData("text/html; charset=utf-8", "<!DOCTYPE html>\n<html>Sign in</html>", "a web page")]
    [InlineData("application/xml", "<Error/>", "XML")]
    [InlineData("application/problem+json", "{\"error\": \"expired\"}", "JSON")]
    public async Task A_page_in_place_of_data_is_named(string type, string body, string told)
    {
        using var server = new RawWebServer(_ => WebAnswer.Of("200 OK", Encoding.UTF8.GetBytes(body), $"Content-Type: {type}"));
        Assert.Contains(told, (await FailsAsync(server, "CitusUnsupportedFormat")).What, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("text/html", "id,note\n1,<b>\n")]
    [InlineData("application/json", "id,note\n1,a\n")]
    public async Task Data_under_a_wrong_content_type_is_read(string type, string body)
    {
        using var server = new RawWebServer(_ => WebAnswer.Of("200 OK", Encoding.UTF8.GetBytes(body), $"Content-Type: {type}"));
        Assert.Equal(body, Encoding.UTF8.GetString(await ReadAsync(server)));
    }

    [Theory]
    [InlineData("deflate")]
    [InlineData("br")]
    public async Task A_content_encoding_that_is_not_understood_is_refused(string encoding)
    {
        using var server = new RawWebServer(_ => WebAnswer.Of("200 OK", Content, $"Content-Encoding: {encoding}"));
        Assert.Contains($"Content-Encoding {encoding}", (await FailsAsync(server, "CitusDownloadFailed")).What, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Content_encoding_gzip_is_undone_once_for_the_way_and_once_for_the_file()
    {
        byte[] gzip = Archives.Gzip(Content);
        foreach (byte[] body in new[] { gzip, Archives.Gzip(gzip), Content })
        {
            using var server = new RawWebServer(_ => WebAnswer.Of("200 OK", body, "Content-Encoding: gzip"), "rows.csv.gz");
            Assert.Equal(Content, await ReadAsync(server));
        }
    }

    [Fact]
    public async Task A_server_that_falls_silent_is_given_up_within_the_timeout_and_continued()
    {
        using (var once = new RawWebServer(r => r.Number == 1 ? WebAnswer.Of("200 OK", Content).CutAfter(Half) with { ThenSilence = true }
            : WebAnswer.Of("200 OK", Content)))
            Assert.Equal(Content, await SourceReading.ReadAllAsync(CsvSource.Web(once.Address, TimeSpan.FromSeconds(0.5))));
        var clock = Stopwatch.StartNew();
        foreach (int body in new[] { -1, 0, Half })
        {
            using var always = new RawWebServer(_ => (body < 0 ? new WebAnswer([]) : WebAnswer.Of("200 OK", Content).CutAfter(body)) with
                { ThenSilence = true });
            CitusException failed = await Assert.ThrowsAsync<CitusException>(() => SourceReading.ReadAllAsync(CsvSource.Web(always.Address,
                TimeSpan.FromSeconds(0.5))));
            Assert.Equal("CitusDownloadFailed", failed.ErrorId);
            Assert.Matches("(for|in) 0.5 s", failed.What);
        }
        Assert.InRange(clock.Elapsed.TotalSeconds, 3, 15);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_server_that_sends_a_byte_now_and_then_is_given_up_as_a_silent_one_is(bool hasRanges)
    {
        // Each connection brings some bytes more, which alone is no progress.
        using var server = new RawWebServer(r => hasRanges && r.From is { } from
            ? WebAnswer.Of("206 Partial Content", Content[from..], Version,
                $"Content-Range: bytes {from}-{Content.Length - 1}/{Content.Length}").DripAfter(0)
            : WebAnswer.Of("200 OK", Content, hasRanges ? [Version] : []).DripAfter(Half));
        var clock = Stopwatch.StartNew();
        CitusException failed = await Assert.ThrowsAsync<CitusException>(() => SourceReading.ReadAllAsync(CsvSource.Web(server.Address,
            TimeSpan.FromSeconds(1))));
        Assert.Equal("CitusDownloadFailed", failed.ErrorId);
        Assert.Matches(@"the web server sent only \d+ bytes in 1 s", failed.What);
        Assert.InRange(clock.Elapsed.TotalSeconds, 1.5, 6);
        Assert.Equal(2, server.Requests.Count);
    }

    [Fact]
    public async Task A_connection_that_breaks_after_each_byte_is_given_up()
    {
        using var server = new RawWebServer(r => r.From is { } from
            ? WebAnswer.Of("206 Partial Content", Content[from..], Version,
                $"Content-Range: bytes {from}-{Content.Length - 1}/{Content.Length}").CutAfter(1)
            : WebAnswer.Of("200 OK", Content, Version).CutAfter(1));
        CitusException failed = await Assert.ThrowsAsync<CitusException>(() => SourceReading.ReadAllAsync(CsvSource.Web(server.Address,
            TimeSpan.FromSeconds(10))));
        Assert.Contains("was interrupted at byte 5", failed.What, StringComparison.Ordinal);
        Assert.Equal(5, server.Requests.Count);
    }

    [Fact]
    public async Task A_slow_server_whose_pieces_each_come_within_the_timeout_is_read_to_the_end()
    {
        byte[] content = Archives.Rows(4_000);
        // 1.5 s for the last bytes
        using var server = new RawWebServer(_ => WebAnswer.Of("200 OK", content, Version).DripAfter(content.Length - 30));
        Assert.Equal(content, await SourceReading.ReadAllAsync(CsvSource.Web(server.Address, TimeSpan.FromSeconds(3))));
    }

    [Fact]
    public async Task Web_answers_damaged_at_500_places_give_the_content_or_an_error()
    {
        int seed = Environment.TickCount;
        TestContext.Current.TestOutputHelper!.WriteLine($"seed {seed}");
        byte[] content = Archives.Rows(300), gzip = Archives.Gzip(content);
        int errors = 0;
        await Parallel.ForEachAsync(Enumerable.Range(0, 500),
            new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = TestContext.Current.CancellationToken },
            async (round, _) =>
        {
            var random = new Random(seed + round);
            string what = "";
            using var server = new RawWebServer(r =>
            {
                WebAnswer whole = r.From is { } from
                    ? WebAnswer.Of("206 Partial Content", gzip[from..], Version,
                        $"Content-Range: bytes {from}-{gzip.Length - 1}/{gzip.Length}")
                    : WebAnswer.Of("200 OK", gzip, Version, "Content-Type: application/gzip");
                if (r.Number > 1 && random.Next(4) > 0) return whole;
                (byte[] bytes, string damage) = Archives.Damage(whole.Bytes, random);
                what += $"answer {r.Number} {damage}; ";
                return new WebAnswer(bytes);
            }, "rows.csv.gz");
            try
            {
                byte[] read = await SourceReading.ReadAllAsync(CsvSource.Web(server.Address, TimeSpan.FromSeconds(5)));
                Assert.True(content.AsSpan().SequenceEqual(read), $"round {round}: {what}other content, and no error");
            }
            catch (CitusException e)
            {
                Assert.True(e.ErrorId is "CitusInvalidCompression" or "CitusDownloadFailed" or "CitusSourceChanged" or "CitusCsvEmpty",
                    $"round {round}: {what}{e.ErrorId}: {e.Message}");
                Interlocked.Increment(ref errors);
            }
        });
        TestContext.Current.TestOutputHelper!.WriteLine($"{errors} errors");
        Assert.InRange(errors, 100, 499);
    }

    private static Task<byte[]> ReadAsync(RawWebServer server) => SourceReading.ReadAllAsync(CsvSource.Web(server.Address));

    private static async Task<CitusException> FailsAsync(RawWebServer server, string errorId)
    {
        CitusException failed = await Assert.ThrowsAsync<CitusException>(() => ReadAsync(server));
        Assert.True(failed.ErrorId == errorId, $"{failed.ErrorId}: {failed.Message}");
        return failed;
    }
}
