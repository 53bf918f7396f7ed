using System.Security.Cryptography;
using System.Text;
using Woodgrove.Citus.Sandbox;

namespace Woodgrove.Citus.Core.Tests.Sandbox;

public sealed class SampleDataTests : IDisposable
{
    private readonly string _users = Path.GetTempFileName(), _events = Path.GetTempFileName();

    public void Dispose()
    {
        File.Delete(_users);
        File.Delete(_events);
    }

    [Fact]
    public async Task The_same_seed_gives_the_same_bytes_on_every_machine()
    {
        await WriteAsync(new SampleData(2_000, 20_000));

        Assert.Equal("5A6206FAD6F2B42C1A0A16427F0C047ED02B503AB01A31262306385075650F72", Hash(_users));
        Assert.Equal("7EE7286E6856F7008625C1F71DE5687C598384BE25226C1525F86047BC4B9D2F", Hash(_events));
    }

    [Fact]
    public async Task Another_seed_gives_other_bytes()
    {
        await WriteAsync(new SampleData(200, 200));
        (string users, string events) = (Hash(_users), Hash(_events));
        await WriteAsync(new SampleData(200, 200, seed: 7));

        Assert.NotEqual(users, Hash(_users));
        Assert.NotEqual(events, Hash(_events));
    }

    [Fact]
    public async Task A_few_users_make_many_more_events_than_the_rest_and_the_text_is_hard()
    {
        await WriteAsync(new SampleData(1_000, 20_000));
        string text = await File.ReadAllTextAsync(_events, Encoding.UTF8);
        string[] lines = text.TrimEnd('\n').Split('\n');

        int ofFirstTenth = lines.Count(l => long.Parse(l.Split(',')[2]) <= 100);
        Assert.Equal(20_000, lines.Length);
        Assert.InRange(ofFirstTenth / 20_000.0, 0.40, 0.55);
        Assert.Contains("\\\"\"", text, StringComparison.Ordinal); // a quote inside JSON inside CSV
        Assert.Contains("Café, two croissants", text, StringComparison.Ordinal);
        Assert.Contains("🎁", text, StringComparison.Ordinal);
    }

    private async Task WriteAsync(SampleData data)
    {
        await data.WriteUsersAsync(_users);
        await data.WriteEventsAsync(_events);
    }

    private static string Hash(string path) => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path)));
}
