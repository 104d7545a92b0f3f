namespace StreamObserve.Hosting.Tests;

public class HostPortTests
{
    [Theory]
    [InlineData("127.0.0.1:8080", "127.0.0.1", 8080)]
    [InlineData("localhost:0", "localhost", 0)]
    [InlineData("[::1]:65535", "[::1]", 65535)]
    public void AddressIsReadAndWrittenBack(string text, string host, int port)
    {
        Assert.True(HostPort.TryParse(text, out HostPort? address));
        Assert.Equal(new HostPort(host, port), address);
        Assert.Equal(text, address.ToString());
    }

    [Theory]
    [InlineData("8080")]
    [InlineData(":8080")]
    [InlineData("host")]
    [InlineData("host:")]
    [InlineData("host:65536")]
    [InlineData("host:-1")]
    [InlineData("host:http")]
    [InlineData("http://host:80")]
    [InlineData("::1:80")]
    [InlineData("a b:80")]
    [InlineData(null)]
    public void WhatIsNoAddressIsRefused(string? text) => Assert.False(HostPort.TryParse(text, out _));
}
