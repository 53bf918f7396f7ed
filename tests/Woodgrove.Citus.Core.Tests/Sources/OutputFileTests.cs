using System.Diagnostics;
using System.Text;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Files;

namespace Woodgrove.Citus.Core.Tests.Sources;

/// <summary>Regular files are replaced once they are whole; links are written through; pipes and devices are written into.</summary>
public sealed class OutputFileTests : IDisposable
{
    private static readonly byte[] Text = "id,note\n1,a\n"u8.ToArray();
    private readonly string _folder = Directory.CreateTempSubdirectory("woodgrove-output-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(0x8000 | 0x1A4, (int)FileKind.Regular)]
    [InlineData(0x4000 | 0x1ED, (int)FileKind.Folder)]
    [InlineData(0x1000 | 0x1B6, (int)FileKind.Stream)] // pipe
    [InlineData(0x2000 | 0x1B6, (int)FileKind.Stream)] // character device
    [InlineData(0x6000 | 0x1B0, (int)FileKind.Stream)] // block device
    [InlineData(0xC000 | 0x1ED, (int)FileKind.Stream)] // socket
    public void The_kind_is_read_from_the_files_mode(int mode, int kind) => Assert.Equal((FileKind)kind, FileEntry.KindOf(mode));

    [Fact]
    public async Task A_file_is_replaced_only_once_it_is_whole()
    {
        string path = Path.Combine(_folder, "f.csv");
        await File.WriteAllTextAsync(path, "before", Stop);
        await using (OutputFile broken = OutputFile.Create(path)) await broken.Content.WriteAsync(Text, Stop);
        Assert.Equal("before", await File.ReadAllTextAsync(path, Stop));
        await OutputFile.WriteAsync(path, Text, overwrite: true, Stop);
        Assert.Equal(Text, await File.ReadAllBytesAsync(path, Stop));
        Assert.Equal(["f.csv"], Directory.EnumerateFiles(_folder).Select(Path.GetFileName));
        Assert.Equal("CitusFileExists",
            (await Assert.ThrowsAsync<CitusException>(() => OutputFile.WriteAsync(path, Text, overwrite: false, Stop))).ErrorId);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_symbolic_link_is_written_through(bool exists)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs the right to make symbolic links");
        (string target, string link, string second) = (Path.Combine(_folder, "target.csv"), Path.Combine(_folder,
            "link.csv"), Path.Combine(_folder, "second.csv"));
        if (exists) await File.WriteAllTextAsync(target, "before", Stop);
        File.CreateSymbolicLink(link, target);
        File.CreateSymbolicLink(second, link);
        await OutputFile.WriteAsync(second, Text, overwrite: true, Stop);
        Assert.Equal(Text, await File.ReadAllBytesAsync(target, Stop));
        Assert.Equal((link, target), (new FileInfo(second).LinkTarget, new FileInfo(link).LinkTarget));
    }

    [Fact]
    public async Task A_pipe_is_written_into_and_stays_a_pipe()
    {
        string pipe = Path.Combine(_folder, "pipe"), link = Path.Combine(_folder, "link");
        Run("mkfifo", pipe);
        File.CreateSymbolicLink(link, pipe);
        foreach (string path in new[] { pipe, link })
        {
            Task<string> reader = Task.Run(() => File.ReadAllText(pipe), Stop);
            await OutputFile.WriteAsync(path, Text, overwrite: false, Stop);
            Assert.Equal(Encoding.UTF8.GetString(Text), await reader.WaitAsync(TimeSpan.FromSeconds(10), Stop));
            Assert.Equal(FileKind.Stream, FileEntry.Of(pipe).Kind);
        }
    }

    [Fact]
    public async Task A_device_is_written_into_and_stays_a_device()
    {
        string device = Path.Combine(_folder, "null");
        // A node of this test's own, as the null device is: 1, 3.
        if (Run("mknod", device, "c", "1", "3", "-m", "666") != 0) Assert.Skip("device nodes cannot be made here: that needs root");
        try
        {
            await File.WriteAllTextAsync(device, "x", Stop);
        }
        catch (UnauthorizedAccessException)
        {
            Assert.Skip("device nodes of this file system cannot be opened (nodev)");
        }
        await OutputFile.WriteAsync(device, Text, overwrite: true, Stop);
        Assert.Equal(FileKind.Stream, FileEntry.Of(device).Kind);
        Assert.Equal(0, new FileInfo(device).Length);
    }

    [Fact]
    public async Task A_pipe_that_nobody_reads_can_be_given_up()
    {
        string pipe = Path.Combine(_folder, "pipe");
        Run("mkfifo", pipe);
        using var soon = new CancellationTokenSource(200);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => OutputFile.WriteAsync(pipe, Text, overwrite: true, soon.Token));
        _ = Task.Run(() => File.ReadAllText(pipe), Stop); // lets the writer's open return
    }

    [Fact]
    public async Task A_pipe_is_read_once_and_again_from_what_is_kept_of_it()
    {
        string pipe = Path.Combine(_folder, "in.csv");
        Run("mkfifo", pipe);
        byte[] rows = Archives.Rows(20_000);
        CsvSource source = CsvSource.File(pipe);
        Task writer = Task.Run(() => File.WriteAllBytes(pipe, rows), Stop);
        Assert.Equal(rows, await SourceReading.ReadAllAsync(source));
        await writer;
        Assert.Equal(rows, await SourceReading.ReadAllAsync(source));
    }

    [Fact]
    public async Task All_names_of_a_file_are_the_same_file()
    {
        string path = Path.Combine(_folder, "f.csv"), symbolic = Path.Combine(_folder, "symbolic"), hard = Path.Combine(_folder, "hard"),
            copy = Path.Combine(_folder, "copy");
        await File.WriteAllBytesAsync(path, Text, Stop);
        File.Copy(path, copy);
        File.CreateSymbolicLink(symbolic, path);
        Run("ln", path, hard);
        foreach (string same in new[] { path, symbolic, hard, Path.Combine(_folder, ".", "..", Path.GetFileName(_folder), "f.csv") })
            Assert.True(FileEntry.IsSame(path, same), same);
        foreach (string other in new[] { copy, Path.Combine(_folder, "none.csv") }) Assert.False(FileEntry.IsSame(path, other), other);
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static int Run(string program, params string[] arguments)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), $"needs {program}");
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode;
    }
}
