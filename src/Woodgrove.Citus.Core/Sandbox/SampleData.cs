using System.Globalization;
using System.Text;
using Woodgrove.Citus.Files;

namespace Woodgrove.Citus.Sandbox;

/// <summary>
/// The users and events of a contactless-payment app as two CSV files without a header, the same bytes for the
/// same seed: a few users make many more events than the rest, and the text has quotes, commas and non-ASCII
/// letters where real text has them.
/// </summary>
public sealed class SampleData(int userCount, long eventCount, ulong seed = 20240605)
{
    private static readonly string[] EventTypes = ["SendFunds", "RequestFunds", "GiftFunds", "DisputeCharge", "IssuesEvent"];
    private static readonly string[] Names = ["anna", "björn", "chloé", "dmitri", "elif", "fátima", "göran", "hana", "ines", "joão",
        "kenji", "李娜", "mia", "nils", "olga", "zoë"];

    private static readonly string[] Notes =
    [
        "Lunch", "Rent, March", "Tickets for \"Così fan tutte\"", "Café, two croissants", "Gift 🎁", "Fuel",
        "Taxi to the airport, thanks!", "She said \"never again\", then paid", "Groceries", "Refund",
    ];

    private static readonly DateTime Start = new(2024, 1, 1, 0, 0, 0, DateTimeKind.Unspecified);
    private readonly Generator _random = new(seed);

    public async Task WriteUsersAsync(string path, CancellationToken stop = default)
    {
        await using OutputFile output = await OutputFile.CreateAsync(path, overwrite: true, force: false, stop);
        await using StreamWriter file = Create(output);
        for (int id = 1; id <= userCount && !stop.IsCancellationRequested; id++)
        {
            string login = string.Create(CultureInfo.InvariantCulture, $"{Names[_random.Below(Names.Length)]}{id}");
            file.Write(string.Create(CultureInfo.InvariantCulture,
                $"{id},https://woodgrovebank.example/users/{login},{login},\"https://woodgrovebank.example/avatars/{id}?v=4,size=128\"\n"));
        }
        await CompleteAsync(file, output, stop);
    }

    public async Task WriteEventsAsync(string path, CancellationToken stop = default)
    {
        await using OutputFile output = await OutputFile.CreateAsync(path, overwrite: true, force: false, stop);
        await using StreamWriter file = Create(output);
        int merchants = Math.Max(10, userCount / 100);
        for (long id = 1; id <= eventCount && !stop.IsCancellationRequested; id++)
        {
            // The cube of a uniform number crowds low ranks: the first tenth of the users makes almost half of the events.
            double u = _random.Unit();
            long user = 1 + (long)(userCount * u * u * u);
            int amount = 100 + _random.Below(20_000);
            string note = Notes[_random.Below(Notes.Length)].Replace("\"", "\\\"\"", StringComparison.Ordinal);
            file.Write(string.Create(CultureInfo.InvariantCulture,
                $"{id},{EventTypes[_random.Below(EventTypes.Length)]},{user},{1 + _random.Below(merchants)},\"{{\"\"amount\"\": "
                    + $"{amount / 100}.{amount % 100:00}, \"\"currency\"\": \"\"EUR\"\", \"\"note\"\": "
                    + $"\"\"{note}\"\"}}\",{Start.AddSeconds(id * 7L % 63_000_000):yyyy-MM-dd HH:mm:ss}\n"));
        }
        await CompleteAsync(file, output, stop);
    }

    private static StreamWriter Create(OutputFile file) =>
        new(file.Content, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), 1 << 20);

    private static async Task CompleteAsync(StreamWriter text, OutputFile file, CancellationToken stop)
    {
        stop.ThrowIfCancellationRequested(); // what was written so far goes
        await text.DisposeAsync();
        await file.CompleteAsync();
    }

    /// <summary>SplitMix64: a few lines whose output never changes with the framework's version.</summary>
    private sealed class Generator(ulong state)
    {
        private ulong _state = state;

        public int Below(int limit) => (int)(Next() % (ulong)limit);

        public double Unit() => (Next() >> 11) * (1.0 / (1UL << 53));

        private ulong Next()
        {
            ulong z = _state += 0x9E3779B97F4A7C15;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }
}
