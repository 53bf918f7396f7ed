using System.ComponentModel;
using System.Diagnostics;

namespace Woodgrove.Citus.Tests.Validation;

/// <summary>A small file system in memory, on which the data of a node lies until it is disposed, and a file that fills it.</summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly NodeUnderTest _node;
    private readonly string _disk, _filler;

    /// <summary>Moves the node's data there. The test is skipped where nothing can be mounted.</summary>
    public SmallDisk(NodeUnderTest node)
    {
        (_node, _disk, _filler) = (node, node.Data + ".small", Path.Combine(node.Data, "filler"));
        Size = (Directory.EnumerateFiles(node.Data, "*", SearchOption.AllDirectories).Sum(f => new FileInfo(f).Length) * 5 / 4)
            + (128 << 20);
        Directory.CreateDirectory(_disk);
        if (Mount("-t", "tmpfs", "-o", $"size={Size}", "tmpfs", _disk) is { } obstacle)
        {
            Directory.Delete(_disk);
            Assert.Skip($"needs to mount a small disk: {obstacle}");
        }
        node.Stop();
        node.Execute("cp", "-a", node.Data + "/.", _disk);
        node.Execute("mount", "--bind", _disk, node.Data);
        node.Start();
    }

    /// <summary>In bytes.</summary>
    public long Size { get; }

    /// <summary>Leaves so many bytes free.</summary>
    public void Fill(long free) => _node.Execute("fallocate", "-l", $"{new DriveInfo(_node.Data).AvailableFreeSpace - free}", _filler);

    public void Empty() => File.Delete(_filler);

    /// <summary>Stops the server, and starts it with the data of before.</summary>
    public void Dispose()
    {
        _node.Stop();
        Unmount(_node.Data);
        Unmount(_disk);
        Directory.Delete(_disk);
        _node.Start();
    }

    /// <summary>A process that is about to end may have its folder there for a moment.</summary>
    private static void Unmount(string folder)
    {
        for (int attempt = 0; attempt < 100; attempt++)
        {
            using Process unmount = Process.Start(new ProcessStartInfo("umount", [folder]) { RedirectStandardError = true })!;
            unmount.WaitForExit();
            if (unmount.ExitCode == 0) return;
            Thread.Sleep(100);
        }
        throw new TimeoutException($"{folder} stays mounted");
    }

    private static string? Mount(params string[] arguments)
    {
        try
        {
            using Process mount = Process.Start(new ProcessStartInfo("mount", arguments) { RedirectStandardError = true })!;
            string said = mount.StandardError.ReadToEnd();
            mount.WaitForExit();
            return mount.ExitCode == 0 ? null : said.Trim();
        }
        catch (Win32Exception e)
        {
            return e.Message;
        }
    }
}
